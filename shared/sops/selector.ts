/** Which values of a file are encrypted: one rule over the names on a value's path or over the comments around it. */
import { RE2JS } from "re2js";

import type { Selector } from "./metadata.ts";

/** What the walk tells of a leaf. */
export interface Place {
  /** Names from the root; indices of lists are no part of it. */
  readonly path: readonly string[];
  /** Per level of nesting the comments since the last value. */
  readonly comments: readonly (readonly string[])[];
  readonly isComment: boolean;
}

export type IsEncrypted = (place: Place) => boolean;

/** The expressions are RE2's and match anywhere; one that does not compile matches nothing, as in SOPS. */
export function createSelector({ rule, pattern }: Selector): IsEncrypted {
  switch (rule) {
    case "unencrypted_suffix":
      return ({ path }) => !path.some((name) => name.endsWith(pattern));
    case "encrypted_suffix":
      return ({ path }) => path.some((name) => name.endsWith(pattern));
    case "unencrypted_regex": {
      const matches = createMatcher(pattern);
      return ({ path }) => !path.some(matches);
    }
    case "encrypted_regex": {
      const matches = createMatcher(pattern);
      return ({ path }) => path.some(matches);
    }
    case "unencrypted_comment_regex": {
      const matches = createMatcher(pattern);
      return ({ comments }) => !comments.some((level) => level.some(matches));
    }
    case "encrypted_comment_regex":
      return encryptedByComment(createMatcher(pattern));
  }
}

/** The comment that itself turns encryption on is not encrypted. */
function encryptedByComment(matches: (text: string) => boolean): IsEncrypted {
  return ({ comments, isComment }) =>
    comments.some((level, depth) => {
      const own = isComment && depth === comments.length - 1;
      return (own ? level.slice(0, -1) : level).some(matches);
    });
}

/** Names repeat from value to value, and RE2 in JavaScript is slow: each is asked once. */
function createMatcher(pattern: string): (text: string) => boolean {
  const expression = compile(pattern);
  if (!expression) return () => false;
  const known = new Map<string, boolean>();
  return (text) => {
    const answer = known.get(text) ?? expression.matcher(text).find();
    if (known.size < 10_000) known.set(text, answer);
    return answer;
  };
}

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}
