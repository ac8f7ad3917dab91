/** Walks a file's documents in order, decrypts what the file's rule calls encrypted, and hashes what it finds. */
import { type DataKey, decryptValue } from "./cipher.ts";
import { createMac, type Mac } from "./mac.ts";
import type { Metadata } from "./metadata.ts";
import { createSelector, type IsEncrypted } from "./selector.ts";
import { SopsError } from "./sops-error.ts";
import { Branch, Comment, type Item, Time, type Value } from "./tree.ts";

export interface DecryptedTree {
  readonly branches: readonly Branch[];
  /** Over the plain values, to be compared with the file's. */
  readonly mac: string;
}

/** @throws SopsError (`bad-value`) with the path of the value */
export function decryptTree(branches: readonly Branch[], metadata: Metadata, key: DataKey): DecryptedTree {
  const walk: Walk = {
    key,
    isEncrypted: createSelector(metadata.selector),
    mac: createMac(metadata.macOnlyEncrypted),
    macOnlyEncrypted: metadata.macOnlyEncrypted,
    path: [],
    comments: [],
  };
  const decrypted = branches.map((branch) => walkBranch(branch, walk));
  return { branches: decrypted, mac: walk.mac.digest() };
}

interface Walk {
  readonly key: DataKey;
  readonly isEncrypted: IsEncrypted;
  readonly mac: Mac;
  readonly macOnlyEncrypted: boolean;
  readonly path: string[];
  readonly comments: string[][];
}

function walkBranch(branch: Branch, walk: Walk): Branch {
  const active: string[] = [];
  walk.comments.push(active);
  const items = branch.items.map((item): Item => {
    if (item.key === undefined) {
      active.push(item.value.text);
      return { key: undefined, value: walkComment(item.value, walk) };
    }
    walk.path.push(item.key);
    const value = walkValue(item.value, walk);
    walk.path.pop();
    active.length = 0;
    return { key: item.key, value };
  });
  walk.comments.pop();
  return new Branch(items);
}

function walkList(list: readonly Value[], walk: Walk): Value[] {
  const active: string[] = [];
  walk.comments.push(active);
  const values = list.map((value): Value => {
    if (value instanceof Comment) {
      active.push(value.text);
      return walkComment(value, walk);
    }
    const plain = walkValue(value, walk);
    active.length = 0;
    return plain;
  });
  walk.comments.pop();
  return values;
}

function walkValue(value: Value, walk: Walk): Value {
  if (value === null) return value;
  if (value instanceof Branch) return walkBranch(value, walk);
  if (Array.isArray(value)) return walkList(value, walk);
  const encrypted = walk.isEncrypted({ path: walk.path, comments: walk.comments, isComment: false });
  const plain = encrypted ? decryptLeaf(value, walk) : value;
  if (isHashed(plain) && (!walk.macOnlyEncrypted || encrypted)) walk.mac.add(plain);
  return plain;
}

/** Comments and nulls are not, nor is what only holds values. */
function isHashed(value: Value): value is string | Uint8Array | bigint | number | boolean | Time {
  if (typeof value === "object") return value instanceof Time || value instanceof Uint8Array;
  return true;
}

function decryptLeaf(value: Value, walk: Walk): Value {
  if (typeof value !== "string") throw at(walk.path, "it is not encrypted, although the file's rules say so");
  try {
    return decryptValue(value, walk.key, `${walk.path.join(":")}:`);
  } catch (error) {
    if (error instanceof SopsError) throw at(walk.path, error.message);
    throw error;
  }
}

const at = (path: readonly string[], message: string): SopsError =>
  new SopsError("bad-value", `the value at ${path.join(".")} cannot be decrypted: ${message}`);

/** Old versions of SOPS left comments plain: what does not decrypt is taken as it stands. */
function walkComment(comment: Comment, walk: Walk): Comment {
  if (!walk.isEncrypted({ path: walk.path, comments: walk.comments, isComment: true })) return comment;
  try {
    const plain = decryptValue(comment.text, walk.key, `${walk.path.join(":")}:`);
    if (plain instanceof Comment) return plain;
    // SOPS 3.13.2 hashed comments of lists when it wrote a file; no version that reads does.
    return typeof plain === "string" ? new Comment(plain) : comment;
  } catch (error) {
    if (error instanceof SopsError) return comment;
    throw error;
  }
}
