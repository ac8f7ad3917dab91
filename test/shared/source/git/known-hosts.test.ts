import { createHmac } from "node:crypto";

import { describe, expect, it } from "vitest";

import { hostKeyTypes, verifyHostKey } from "../../../../shared/source/git/known-hosts.ts";

const key = Buffer.from("the key of the host");
const text = key.toString("base64");
const other = Buffer.from("another key").toString("base64");

function hashed(address: string): string {
  const salt = Buffer.from("0123456789abcdef0123");
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(address).digest("base64")}`;
}

describe("verifyHostKey", () => {
  it.each([
    ["a plain host", `github.com ssh-ed25519 ${text}`, "github.com", 22, "known"],
    ["a list of hosts", `gitlab.com,github.com ssh-ed25519 ${text} comment`, "github.com", 22, "known"],
    ["a port", `[git.example.com]:2222 ssh-ed25519 ${text}`, "git.example.com", 2222, "known"],
    ["a host without the port", `git.example.com ssh-ed25519 ${text}`, "git.example.com", 2222, "unknown host"],
    ["a hashed host", `${hashed("github.com")} ssh-ed25519 ${text}`, "github.com", 22, "known"],
    ["a hashed host with a port", `${hashed("[h]:2222")} ssh-ed25519 ${text}`, "h", 2222, "known"],
    ["another hashed host", `${hashed("gitlab.com")} ssh-ed25519 ${text}`, "github.com", 22, "unknown host"],
    ["a wildcard", `*.example.com ssh-ed25519 ${text}`, "git.example.com", 22, "known"],
    ["an exception", `*.example.com,!git.example.com ssh-ed25519 ${text}`, "git.example.com", 22, "unknown host"],
    ["another key", `github.com ssh-ed25519 ${other}`, "github.com", 22, "key mismatch"],
    ["one of several keys", `h ssh-rsa ${other}\nh ssh-ed25519 ${text}`, "h", 22, "known"],
    ["a revoked key", `@revoked h ssh-ed25519 ${text}\nh ssh-ed25519 ${text}`, "h", 22, "revoked"],
    ["an authority", `@cert-authority h ssh-ed25519 ${text}`, "h", 22, "unknown host"],
    ["a comment", `# github.com ssh-ed25519 ${text}`, "github.com", 22, "unknown host"],
    ["nothing", "", "github.com", 22, "unknown host"],
  ])("knows %s", (_, knownHosts, host, port, verdict) => {
    expect(verifyHostKey(knownHosts, host, port, key)).toBe(verdict);
  });
});

describe("hostKeyTypes", () => {
  it("gives the types that the host may show", () => {
    expect(hostKeyTypes(`h ssh-rsa a\nh ssh-ed25519 b\nother ecdsa-sha2-nistp256 c`, "h", 22)).toEqual([
      "ssh-rsa",
      "ssh-ed25519",
    ]);
  });
});
