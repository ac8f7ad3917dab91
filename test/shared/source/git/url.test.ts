import { describe, expect, it } from "vitest";

import { parseGitUrl, repositoryMatchKey } from "../../../../shared/source/git/url.ts";

describe("repositoryMatchKey", () => {
  it.each([
    "https://github.com/MyOrg/Fleet-Infra.git",
    "https://github.com/myorg/fleet-infra",
    "https://github.com/myorg/fleet-infra/",
    "https://user:token@github.com:443/myorg/fleet-infra.git",
    "http://github.com:80/myorg//fleet-infra.git",
    "ssh://git@github.com/myorg/fleet-infra.git",
    "ssh://git@github.com:22/myorg/fleet-infra",
    "ssh://git@ssh.github.com:443/myorg/fleet-infra.git",
    "git@github.com:myorg/fleet-infra.git",
  ])("gives one key for %s", (url) => {
    expect(repositoryMatchKey(url)).toBe("github.com/myorg/fleet-infra");
  });

  it.each([
    ["https://git.example.com:8443/a/b.git", "git.example.com:8443/a/b"],
    ["ssh://git@git.example.com:2222/a/b.git", "git.example.com/a/b"],
    ["https://[2001:db8::1]/a/b", "2001:db8::1/a/b"],
    ["https://github.com/", undefined],
    ["ftp://github.com/a/b", undefined],
    ["not a url", undefined],
  ])("reads %s", (url, key) => {
    expect(repositoryMatchKey(url)).toBe(key);
  });
});

describe("parseGitUrl", () => {
  it("takes the parts of an ssh URL", () => {
    expect(parseGitUrl("ssh://deploy@Git.Example.com:2222/a%20b/c.git")).toEqual({
      scheme: "ssh",
      host: "git.example.com",
      port: 2222,
      path: "/a b/c.git",
      username: "deploy",
    });
  });
});
