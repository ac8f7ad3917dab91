/** Git's commits, tags and trees, read from their content. */
import type { ObjectStore } from "./pack.ts";
import { GitError } from "./transport.ts";

export interface Commit {
  readonly tree: string;
  readonly parents: readonly string[];
  /** `Name <address>`. */
  readonly author: string;
  /** Seconds since the epoch. */
  readonly committedAt: number;
  readonly message: string;
}

export interface TreeEntry {
  readonly name: string;
  readonly oid: string;
  readonly kind: "file" | "executable" | "directory" | "symlink" | "submodule";
}

/** @throws GitError `NotFound` when the store holds no such commit */
export function readCommit(store: ObjectStore, oid: string): Commit {
  const object = store.get(oid);
  if (object?.type !== "commit") throw new GitError("NotFound", "object not found");
  const text = object.content.toString("utf8");
  const split = text.indexOf("\n\n");
  const headers = (split < 0 ? text : text.slice(0, split)).split("\n");
  const values = (name: string) =>
    headers.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  const [, author = ""] = /^(.*?)(?: \d+ [+-]\d+)?$/.exec(values("author")[0] ?? "") ?? [];
  const [, seconds = "0"] = / (\d+) [+-]\d+$/.exec(values("committer")[0] ?? "") ?? [];
  return {
    tree: values("tree")[0] ?? "",
    parents: values("parent"),
    author,
    committedAt: Number(seconds),
    message: split < 0 ? "" : text.slice(split + 2),
  };
}

/** The first 50 characters of the subject, as Flux shows it. */
export function shortMessage({ message }: Commit): string {
  const [subject = ""] = message.split("\n");
  const characters = Array.from(subject);
  return characters.length > 50 ? `${characters.slice(0, 50).join("")}...` : subject;
}

/** @throws GitError `NotFound` when the store holds no such tree, `Protocol` for a name that must not be written */
export function readTree(store: ObjectStore, oid: string): readonly TreeEntry[] {
  const object = store.get(oid);
  if (object?.type !== "tree") throw new GitError("NotFound", "object not found");
  const { content } = object;
  const nameBytes = oid.length / 2;
  const entries: TreeEntry[] = [];
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const nul = content.indexOf(0, space);
    if (space < 0 || nul < 0) throw new GitError("Protocol", "a tree of the repository is damaged");
    const mode = Number.parseInt(content.toString("latin1", at, space), 8);
    const name = content.toString("utf8", space + 1, nul);
    if (name === "" || name === "." || name === ".." || name.includes("/") || name.toLowerCase() === ".git")
      throw new GitError("Protocol", `a tree of the repository holds the forbidden name ${JSON.stringify(name)}`);
    entries.push({ name, oid: content.toString("hex", nul + 1, nul + 1 + nameBytes), kind: entryKind(mode) });
    at = nul + 1 + nameBytes;
  }
  return entries;
}

function entryKind(mode: number): TreeEntry["kind"] {
  const format = mode & 0o170000;
  if (format === 0o040000) return "directory";
  if (format === 0o120000) return "symlink";
  if (format === 0o160000) return "submodule";
  return mode & 0o111 ? "executable" : "file";
}
