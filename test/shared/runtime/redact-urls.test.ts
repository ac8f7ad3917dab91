import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { redactUrls } from "../../../shared/runtime/redact-urls.ts";

describe("redactUrls", () => {
  it.each([
    ["unable to clone 'https://me:s3cret@example.com/a.git': no", "unable to clone 'https://example.com/a.git': no"],
    ["https://token@example.com/a?access_token=x done", "https://example.com/a done"],
    ["https://example.com/info/refs?service=git-upload-pack", "https://example.com/info/refs?service=git-upload-pack"],
    ["https://user:p@ss@host/x", "https://host/x"],
    ["https://user:pa/ss@host/x", "https://host/x"],
    ["https://user:pa?ss@host/x", "https://host/x"],
    ["'https://user:pa'ss@host/x'", "'https://host/x'"],
    ["SSH://git:pw@host/x and ftp://a:b@c", "SSH://host/x and ftp://c"],
    ["https:user:pw@host/x", "https:host/x"],
    ["https:/user:pw@host/x", "https:/host/x"],
    ["{'https://a/x?token=1','https://b/y?token=2'}", "{'https://a/x','https://b/y'}"],
    ["https://a/x?token=1@2", "https://2"],
    [
      "git@github.com:org/repo is no URL, nor is me@example.com",
      "git@github.com:org/repo is no URL, nor is me@example.com",
    ],
  ])("leaves no credential in %s", (text, safe) => {
    expect(redactUrls(text)).toBe(safe);
  });

  const unprintable = /\s/;
  const secret = fc
    .string({ minLength: 12, unit: "binary-ascii" })
    .map((text) => text.replace(/\s/g, "_"))
    .filter((text) => !unprintable.test(text));
  const scheme = fc.constantFrom("http", "https", "ssh", "HTTPS", "git+ssh");
  const word = fc.stringMatching(/^[a-z]{1,8}$/);

  it("lets no password through, whatever it holds but white space", () => {
    fc.assert(
      fc.property(scheme, word, secret, word, word, (how, user, password, host, words) => {
        const text = `${words} '${how}://${user}:${password}@${host}.example/x.git': ${words}`;
        expect(redactUrls(text)).toBe(`${words} '${how}://${host}.example/x.git': ${words}`);
      }),
    );
  });

  it("takes no longer for hostile text than for other", () => {
    const started = performance.now();
    for (const piece of ["a://", "a.", "https:", "?'", "https://a?'"]) redactUrls(piece.repeat(200_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
