import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";

import { extract } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createArchive } from "../../../../shared/source/archive.ts";
import { createIgnoreMatcher, parseIgnorePattern } from "../../../../shared/source/ignore.ts";
import { createHttpTransport } from "../../../../shared/source/git/http-transport.ts";
import { openRemote } from "../../../../shared/source/git/remote.ts";
import { fetchSnapshot, snapshotLimits } from "../../../../shared/source/git/snapshot.ts";
import { parseGitUrl } from "../../../../shared/source/git/url.ts";
import {
  createGitRoot,
  type GitRoot,
  type GitServer,
  type Repository,
  startGitServer,
} from "../../../fakes/git-server.ts";

let root: GitRoot;
let server: GitServer;
let names = 0;

beforeAll(async () => {
  root = createGitRoot();
  server = await startGitServer(root.folder);
});

afterAll(async () => {
  await server.close();
  root.remove();
});

function repositoryWith(files: Readonly<Record<string, string | Buffer>>) {
  names += 1;
  const repository = root.create(`r${names}`);
  return { repository, name: `r${names}`, commit: repository.commit(files, "a subject\n\nand a body") };
}

async function snapshotOf(
  { name, commit }: { name: string; commit: string; repository: Repository },
  ignore?: string,
  limits = snapshotLimits,
) {
  const url = parseGitUrl(`${server.url}/${name}.git`)!;
  const bounds = { signal: AbortSignal.timeout(20_000), maxBytes: 300_000_000 };
  const transport = await createHttpTransport(url, { kind: "http" }, { ...bounds, reach: "machine" });
  try {
    return await fetchSnapshot(openRemote(transport), commit, ignore, limits);
  } finally {
    await transport.close();
  }
}

async function unpack(bytes: Uint8Array) {
  const entries: Record<string, unknown>[] = [];
  const tar = extract();
  tar.on("entry", (header, stream, next) => {
    const { name, mode, type, uid, gid, uname, gname, mtime } = header;
    let text = "";
    stream.on("data", (chunk) => (text += String(chunk)));
    stream.on("end", () => {
      entries.push({ name, mode, type, uid, gid, uname, gname, mtime: (mtime as Date | undefined)?.getTime(), text });
      next();
    });
  });
  await new Promise((resolve, reject) => {
    tar.on("finish", () => resolve(undefined));
    tar.on("error", reject);
    Readable.from([gunzipSync(bytes)]).pipe(tar);
  });
  return entries;
}

interface LoadCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly expectedPatterns: readonly { readonly pattern: string; readonly domain: readonly string[] }[];
}

const vectors = "../shared/vectors/sourceignore.json";
const loads = existsSync(vectors)
  ? (JSON.parse(readFileSync(vectors, "utf8")) as { readonly load: readonly LoadCase[] }).load
  : [];

describe.skipIf(loads.length === 0)(`fetchSnapshot on Flux's own ignore files (${vectors})`, () => {
  it.each(loads)("$name", async ({ files, expectedPatterns }) => {
    const directories = new Set(["x", ...Object.keys(files).map((file) => posix.dirname(file))]);
    const names = ["kept.txt", "ignored", ...expectedPatterns.map(({ pattern }) => pattern)];
    const everywhere = [...directories].flatMap((directory) => names.map((name) => posix.join(directory, name)));
    const all = { ...Object.fromEntries(everywhere.map((path) => [path, "x"])), ...files };
    const patterns = expectedPatterns.map(({ pattern, domain }) => parseIgnorePattern(pattern, domain));
    const isIgnored = createIgnoreMatcher(patterns);

    const { entries } = await snapshotOf(repositoryWith(all));

    const taken = entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
    expect(taken.sort()).toEqual(
      Object.keys(all)
        .filter((path) => !isIgnored(path.split("/"), false))
        .sort(),
    );
  });
});

describe("fetchSnapshot", () => {
  it("takes files and directories, and neither symlinks nor submodules", async () => {
    const source = repositoryWith({
      "b.yaml": "b",
      "a/run.sh|100755": "#!/bin/sh",
      "a/link|120000": "../b.yaml",
      "sub|160000": "1".repeat(40),
    });

    const { commit, entries } = await snapshotOf(source);

    expect(entries.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      "directory a",
      "executable a/run.sh",
      "file b.yaml",
    ]);
    expect(commit).toMatchObject({ author: "Ada <ada@example.com>", committedAt: 1_700_000_000 });
  });

  it("follows the ignore files of all directories, and spec.ignore after them", async () => {
    const source = repositoryWith({
      ".sourceignore": "*.md\n",
      "README.md": "x",
      "docs/.sourceignore": "!README.md\n/private\n",
      "docs/README.md": "x",
      "docs/private/a.yaml": "x",
      "other/private/b.yaml": "x",
      "pic.png": "x",
      ".gitignore": "x",
    });

    const own = await snapshotOf(source);
    const more = await snapshotOf(source, "/other\n.sourceignore");

    const files = ({ entries }: typeof own) => entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
    expect(files(own)).toEqual([
      ".sourceignore",
      "docs/.sourceignore",
      "docs/README.md",
      "other/private/b.yaml",
      "pic.png",
    ]);
    expect(files(more)).toEqual(["docs/README.md", "pic.png"]);
  });

  it("names a file that is too large", async () => {
    const source = repositoryWith({ "big.bin": Buffer.alloc(100 * 1024 * 1024), "a.yaml": "x" });

    await expect(snapshotOf(source)).rejects.toThrow("big.bin has 104857600 bytes, more than the 52428800 allowed");
    expect((await snapshotOf(source, "*.bin")).entries.map(({ path }) => path)).toEqual(["a.yaml"]);
  });

  it("refuses too many files and too large a tree", async () => {
    const source = repositoryWith({ a: "x".repeat(1000), b: "y", c: "z" });

    await expect(snapshotOf(source, "", { ...snapshotLimits, maxFiles: 2 })).rejects.toThrow("more than 2 files");
    await expect(snapshotOf(source, "", { ...snapshotLimits, maxTreeBytes: 500 })).rejects.toThrow("larger than 500");
  });

  it("counts the paths of a tree that is folded into itself", async () => {
    const source = repositoryWith({ a: "x" });
    const { repository } = source;
    let tree = repository.git("rev-parse", "main^{tree}");
    for (let level = 0; level < 12; level += 1) {
      const lines = Array.from({ length: 8 }, (_, index) => `040000 tree ${tree}\tt${index}`).join("\n");
      tree = repository.makeTree(lines);
    }
    const commit = repository.git("commit-tree", tree, "-m", "bomb");
    repository.git("update-ref", "refs/heads/main", commit);

    await expect(snapshotOf({ ...source, commit })).rejects.toThrow("too many files and directories");
  });
});

describe("createArchive", () => {
  it("is the same, byte for byte, for the same files", async () => {
    const source = repositoryWith({
      "b.yaml": "b",
      "a/run.sh|100755": "#!/bin/sh",
      [`${"deep/".repeat(30)}x.yaml`]: "x",
    });

    const first = await createArchive((await snapshotOf(source)).entries);
    const second = await createArchive((await snapshotOf(source)).entries);

    expect(second.digest).toBe(first.digest);
    expect(Buffer.from(second.bytes).equals(Buffer.from(first.bytes))).toBe(true);
  });

  it("holds no trace of time or owner", async () => {
    const source = repositoryWith({ "b.yaml": "b", "a/run.sh|100755": "#!/bin/sh" });

    const entries = await unpack((await createArchive((await snapshotOf(source)).entries)).bytes);

    const nobody = { uid: 0, gid: 0, uname: "", gname: "", mtime: 0 };
    expect(entries).toEqual([
      { name: "a", type: "directory", mode: 0o750, text: "", ...nobody },
      { name: "a/run.sh", type: "file", mode: 0o700, text: "#!/bin/sh", ...nobody },
      { name: "b.yaml", type: "file", mode: 0o600, text: "b", ...nobody },
    ]);
  });
});
