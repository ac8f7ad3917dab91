/**
 * Which files of a repository stay out of its artifact: Flux's rules (fluxcd/pkg sourceignore), which follow go-git's
 * reading of .gitignore and not Git's: a pattern may bring back a file under an excluded directory.
 */

export const ignoreFile = ".sourceignore";

const versionControl = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];
const defaults = [
  ...["*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"],
  ...[".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml"],
  ...["cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"],
  ...["**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"],
];

export interface IgnorePattern {
  /** Directory that the pattern was written in, as path segments. */
  readonly domain: readonly string[];
  readonly segments: readonly string[];
  readonly includes: boolean;
  readonly directoriesOnly: boolean;
  /** Whether the pattern holds a slash and so is bound to its directory. */
  readonly anchored: boolean;
}

export type Verdict = "ignore" | "include" | "no-match";

/** `path` relative to the root, as segments. */
export type IgnoreMatcher = (path: readonly string[], isDirectory: boolean) => boolean;

export function parseIgnorePattern(text: string, domain: readonly string[] = []): IgnorePattern {
  const includes = text.startsWith("!");
  let rest = includes ? text.slice(1) : text;
  if (!rest.endsWith("\\ ")) rest = rest.replace(/ +$/, "");
  const directoriesOnly = rest.endsWith("/");
  if (directoriesOnly) rest = rest.slice(0, -1);
  return { domain, segments: rest.split("/"), includes, directoriesOnly, anchored: rest.includes("/") };
}

/** One pattern a line; comments and blank lines are left out. */
export function parseIgnoreRules(text: string, domain: readonly string[] = []): readonly IgnorePattern[] {
  return text
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .filter((line) => !line.startsWith("#") && line.trim() !== "")
    .map((line) => parseIgnorePattern(line, domain));
}

/**
 * @param patterns those of the repository's files, from the root down, then those of `spec.ignore`. Only when there are
 *   none at all, Flux's default exclusions hold.
 */
export function createIgnoreMatcher(patterns: readonly IgnorePattern[], domain: readonly string[] = []): IgnoreMatcher {
  const before = patterns.length > 0 ? parseAll(versionControl, domain) : defaultPatterns(domain);
  return matcherOf([...before, ...patterns]);
}

/** Flux's default exclusions. */
export const defaultPatterns = (domain: readonly string[] = []): readonly IgnorePattern[] =>
  parseAll([...versionControl, ...defaults], domain);

const parseAll = (texts: readonly string[], domain: readonly string[]): readonly IgnorePattern[] =>
  texts.map((text) => parseIgnorePattern(text, domain));

/** The last pattern that says something decides. */
export function matcherOf(patterns: readonly IgnorePattern[]): IgnoreMatcher {
  const latestFirst = [...patterns].reverse();
  return (path, isDirectory) => {
    for (const pattern of latestFirst) {
      const verdict = matchPattern(pattern, path, isDirectory);
      if (verdict !== "no-match") return verdict === "ignore";
    }
    return false;
  };
}

export function matchPattern(pattern: IgnorePattern, path: readonly string[], isDirectory: boolean): Verdict {
  const { domain } = pattern;
  if (path.length <= domain.length || domain.some((segment, index) => path[index] !== segment)) return "no-match";
  const relative = path.slice(domain.length);
  const matched = pattern.anchored
    ? matchAnchored(pattern, relative, isDirectory)
    : matchAnySegment(pattern, relative, isDirectory);
  if (!matched) return "no-match";
  return pattern.includes ? "include" : "ignore";
}

/** A pattern without a slash matches a name at any depth, and so everything below a directory of that name. */
function matchAnySegment(pattern: IgnorePattern, path: readonly string[], isDirectory: boolean): boolean {
  const index = path.findIndex((name) => matchName(pattern.segments[0] ?? "", name));
  if (index < 0) return false;
  return !(pattern.directoriesOnly && !isDirectory && index === path.length - 1);
}

/** go-git's walk: `**` passes over names until its successor matches; it never comes back for a later match. */
function matchAnchored(pattern: IgnorePattern, path: readonly string[], isDirectory: boolean): boolean {
  let at = 0;
  let matched = false;
  let passing = false;
  for (const [index, segment] of pattern.segments.entries()) {
    if (segment === "") {
      passing = false;
      continue;
    }
    if (segment === "**") {
      if (index === pattern.segments.length - 1) break;
      passing = true;
      continue;
    }
    if (segment.includes("**") || at >= path.length) return false;
    if (passing) {
      passing = false;
      const found = path.findIndex((name, place) => place >= at && matchName(segment, name));
      matched = found >= 0;
      at = found >= 0 ? found + 1 : path.length;
    } else {
      if (!matchName(segment, path[at] ?? "")) return false;
      matched = true;
      at += 1;
    }
  }
  return matched && !(pattern.directoriesOnly && !isDirectory && at >= path.length);
}

/**
 * Go's filepath.Match on one name: `*`, `?`, `[a-z]`, `[^a-z]`, backslash. A malformed pattern matches nothing. Only the
 * last star is tried again, so hostile patterns cost no more than their length times the name's.
 */
export function matchName(pattern: string, name: string): boolean {
  const tokens = tokenize(pattern);
  if (!tokens) return false;
  const characters = Array.from(name);
  let token = 0;
  let star = -1;
  let mark = 0;
  for (let at = 0; at < characters.length;) {
    const current = tokens[token];
    if (current === "star") {
      star = token++;
      mark = at;
    } else if (current?.(characters[at] ?? "") === true) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      at = ++mark;
    } else return false;
  }
  while (tokens[token] === "star") token += 1;
  return token === tokens.length;
}

type Token = "star" | ((character: string) => boolean);

const tokenized = new Map<string, readonly Token[] | undefined>();
const maxTokenized = 2_000;

function tokenize(pattern: string): readonly Token[] | undefined {
  if (!tokenized.has(pattern)) {
    if (tokenized.size >= maxTokenized) tokenized.clear();
    tokenized.set(pattern, parseTokens(Array.from(pattern)));
  }
  return tokenized.get(pattern);
}

function parseTokens(characters: readonly string[]): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at];
    if (character === "*") tokens.push("star");
    else if (character === "?") tokens.push(() => true);
    else if (character === "[") {
      const set = parseSet(characters, at + 1);
      if (!set) return undefined;
      tokens.push(set.token);
      at = set.end;
    } else {
      const literal = character === "\\" ? characters[++at] : character;
      if (literal === undefined) return undefined;
      tokens.push((other) => other === literal);
    }
  }
  return tokens;
}

function parseSet(characters: readonly string[], start: number): { token: Token; end: number } | undefined {
  const negated = characters[start] === "^";
  const ranges: (readonly [number, number])[] = [];
  let at = negated ? start + 1 : start;
  const bound = (): number | undefined => {
    let character = characters[at];
    if (character === undefined || character === "-" || character === "]") return undefined;
    if (character === "\\") character = characters[++at];
    at += 1;
    return character?.codePointAt(0);
  };
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = bound();
    if (low === undefined) return undefined;
    let high: number | undefined = low;
    if (characters[at] === "-") {
      at += 1;
      high = bound();
      if (high === undefined) return undefined;
    }
    ranges.push([low, high]);
    if (at >= characters.length) return undefined;
  }
  const token = (character: string): boolean => {
    const code = character.codePointAt(0) ?? 0;
    return ranges.some(([low, high]) => low <= code && code <= high) !== negated;
  };
  return { token, end: at };
}
