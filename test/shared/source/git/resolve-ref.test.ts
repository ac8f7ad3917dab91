/** Every form of spec.ref against a real git. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { GitRepositoryRef } from "../../../../shared/api/git-repository.ts";
import { createHttpTransport } from "../../../../shared/source/git/http-transport.ts";
import { openRemote } from "../../../../shared/source/git/remote.ts";
import { resolveRef } from "../../../../shared/source/git/resolve-ref.ts";
import { formatRevision } from "../../../../shared/source/git/revision.ts";
import { parseGitUrl } from "../../../../shared/source/git/url.ts";
import { createGitRoot, type GitRoot, type GitServer, startGitServer } from "../../../fakes/git-server.ts";

let root: GitRoot;
let server: GitServer;
let first: string;
let second: string;
let side: string;

beforeAll(async () => {
  root = createGitRoot();
  const repository = root.create("fleet");
  first = repository.commit({ a: "1" }, "first", "1700000000 +0000");
  repository.git("tag", "v1.0.0");
  repository.git("tag", "1.0.0+newer", first);
  second = repository.commit({ a: "2" }, "second", "1700000100 +0000");
  repository.git("tag", "-a", "v1.1.0", "-m", "release");
  repository.git("tag", "2.0.0+early", first);
  repository.git("tag", "2.0.0+late", second);
  repository.git("tag", "v3.0.0-rc.1");
  repository.git("tag", "not-a-version");
  repository.git("update-ref", "refs/pull/1/head", first);
  repository.git("branch", "main-2", first);
  repository.git("symbolic-ref", "HEAD", "refs/heads/side");
  side = repository.commit({ b: "1" }, "elsewhere");
  repository.git("symbolic-ref", "HEAD", "refs/heads/main");
  root.create("empty");
  server = await startGitServer(root.folder);
});

afterAll(async () => {
  await server.close();
  root.remove();
});

async function resolve(ref: GitRepositoryRef, name = "fleet"): Promise<string> {
  const url = `${server.url}/${name}.git`;
  const limits = { signal: AbortSignal.timeout(10_000), maxBytes: 10_000_000 };
  const transport = await createHttpTransport(parseGitUrl(url)!, { kind: "http" }, { ...limits, reach: "machine" });
  try {
    return formatRevision(await resolveRef(openRemote(transport), ref, "URL"));
  } finally {
    await transport.close();
  }
}

describe("resolveRef", () => {
  it.each<[string, GitRepositoryRef, () => string]>([
    ["a branch, not one that begins like it", { branch: "main" }, () => `main@sha1:${second}`],
    ["a tag", { tag: "v1.0.0" }, () => `v1.0.0@sha1:${first}`],
    ["an annotated tag, peeled", { tag: "v1.1.0" }, () => `v1.1.0@sha1:${second}`],
    ["the highest tag of a range", { semver: "1.x" }, () => `v1.1.0@sha1:${second}`],
    ["the younger of two equal versions", { semver: ">=2.0.0" }, () => `2.0.0+late@sha1:${second}`],
    ["a pre-release, when asked for", { semver: ">=3.0.0-0" }, () => `v3.0.0-rc.1@sha1:${second}`],
    ["a pull request", { name: "refs/pull/1/head" }, () => `refs/pull/1/head@sha1:${first}`],
    ["a branch by its full name", { name: "refs/heads/main" }, () => `refs/heads/main@sha1:${second}`],
    ["a tag by its full name", { name: "refs/tags/v1.1.0" }, () => `refs/tags/v1.1.0@sha1:${second}`],
    ["a peeled tag", { name: "refs/tags/v1.1.0^{}" }, () => `refs/tags/v1.1.0^{}@sha1:${second}`],
  ])("finds %s", async (_, ref, revision) => {
    expect(await resolve(ref)).toBe(revision());
  });

  it("takes a commit as it is", async () => {
    expect(await resolve({ commit: first })).toBe(`sha1:${first}`);
  });

  it("takes a commit on its branch", async () => {
    expect(await resolve({ commit: first, branch: "main" })).toBe(`main@sha1:${first}`);
    expect(await resolve({ commit: second, branch: "main" })).toBe(`main@sha1:${second}`);
  });

  it("prefers commit to name to semver to tag to branch", async () => {
    const all = { branch: "main", tag: "v1.0.0", semver: "1.x", name: "refs/pull/1/head" };

    expect(await resolve(all)).toBe(`refs/pull/1/head@sha1:${first}`);
    expect(await resolve({ ...all, commit: second })).toBe(`main@sha1:${second}`);
  });

  it.each<[string, GitRepositoryRef, string]>([
    ["master, the default", {}, `unable to clone 'URL': couldn't find remote ref "refs/heads/master"`],
    ["a branch", { branch: "nope" }, `unable to clone 'URL': couldn't find remote ref "refs/heads/nope"`],
    ["a tag", { tag: "v9" }, `unable to clone 'URL': couldn't find remote ref "refs/tags/v9"`],
    ["a name", { name: "refs/pull/9/head" }, "unable to resolve ref 'refs/pull/9/head' to a specific commit"],
    ["a range", { semver: "9.x" }, "no match found for semver: 9.x"],
    ["a range that is none", { semver: "latest" }, `semver parse error: improper constraint: "latest"`],
  ])("says that %s is not there", async (_, ref, message) => {
    await expect(resolve(ref)).rejects.toThrow(message);
  });

  it("says that a commit is not on the branch", async () => {
    await expect(resolve({ commit: side, branch: "main" })).rejects.toThrow(
      `unable to resolve commit object for '${side}': object not found`,
    );
  });

  it.each<[GitRepositoryRef, string]>([
    [{ branch: "main" }, "git repository is empty"],
    [{ tag: "v1" }, "unable to clone: remote repository is empty: git repository: 'URL'"],
    [{ semver: "*" }, "unable to clone: remote repository is empty: git repository: 'URL'"],
    [{ commit: "f".repeat(40) }, "unable to clone: remote repository is empty: git repository: 'URL'"],
    [{ name: "refs/heads/main" }, "unable to list remote for 'URL': remote repository is empty"],
  ])("says that a repository is empty, asked for %j", async (ref, message) => {
    await expect(resolve(ref, "empty")).rejects.toThrow(message);
  });
});
