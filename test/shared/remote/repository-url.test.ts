import { describe, expect, it } from "vitest";

import { parseRepositoryUrl } from "../../../shared/remote/repository-url.ts";

describe("parseRepositoryUrl", () => {
  it.each<[string, string, string, string | undefined]>([
    ["https://github.com/org/repo", "https://github.com/org/repo", "", undefined],
    ["https://github.com/org/repo//apps/web?ref=v1", "https://github.com/org/repo", "apps/web", "v1"],
    ["https://github.com/org/repo/apps/web?ref=v1", "https://github.com/org/repo", "apps/web", "v1"],
    ["github.com/org/repo//apps?ref=v1", "https://github.com/org/repo", "apps", "v1"],
    ["github.com:org/repo//apps", "https://github.com/org/repo", "apps", undefined],
    ["GitHub.com/org/repo", "https://github.com/org/repo", "", undefined],
    ["git@github.com:org/repo", "git@github.com:org/repo", "", undefined],
    ["git@github.com/org/repo", "git@github.com:org/repo", "", undefined],
    ["ssh://git@github.com/org/repo.git", "git@github.com:org/repo.git", "", undefined],
    ["ssh://git.example.com:7999/org/repo.git", "ssh://git.example.com:7999/org/repo.git", "", undefined],
    ["git::https://example.com/org/repo//d", "https://example.com/org/repo", "d", undefined],
    ["https://example.com/group/sub/repo.git/d/e?version=v2", "https://example.com/group/sub/repo.git", "d/e", "v2"],
    ["https://example.com/a/b?version=v2&ref=v3", "https://example.com/a/b", "", "v3"],
    [
      "https://dev.azure.com/org/project/_git/repo/d/e",
      "https://dev.azure.com/org/project/_git/repo",
      "d/e",
      undefined,
    ],
    ["http://127.0.0.1:3000/repo.git//apps", "http://127.0.0.1:3000/repo.git", "apps", undefined],
    ["file:///srv/repo//apps", "file:///srv/repo", "apps", undefined],
    [
      "https://raw.githubusercontent.com/org/repo/v1/a.yaml",
      "https://raw.githubusercontent.com/org/repo",
      "v1/a.yaml",
      undefined,
    ],
  ])("%s", (url, clone, path, ref) => {
    expect(parseRepositoryUrl(url)).toMatchObject({ clone, path, ref });
  });

  it.each([
    ["a relative path", "../base"],
    ["an absolute path", "/srv/base"],
    ["a path with a colon", "a/b:c"],
    ["one segment", "https://example.com/repo"],
    ["a directory above the repository", "https://github.com/org/repo//../other"],
    ["another scheme", "s3://bucket/a/b"],
    ["a host alone", "https://example.com"],
  ])("takes %s for no repository", (_, url) => {
    expect(parseRepositoryUrl(url)).toBeUndefined();
  });

  it.each([
    ["", 27_000],
    ["?timeout=61", 61_000],
    ["?timeout=2m", 120_000],
    ["?timeout=nonsense", 27_000],
    ["?timeout=-5s", 27_000],
  ])("reads the time limit of %j", (query, timeoutMillis) => {
    expect(parseRepositoryUrl(`https://github.com/org/repo${query}`)).toMatchObject({ timeoutMillis });
  });
});
