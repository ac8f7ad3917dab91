import { describe, expect, it } from "vitest";

import type { Selector } from "../../../shared/sops/metadata.ts";
import { createSelector } from "../../../shared/sops/selector.ts";

type Case = readonly [rule: Selector["rule"], pattern: string, path: string, encrypted: boolean];

describe("createSelector", () => {
  it.each<Case>([
    ["unencrypted_suffix", "_unencrypted", "a.b", true],
    ["unencrypted_suffix", "_unencrypted", "a_unencrypted.b", false],
    ["encrypted_suffix", "_secret", "a_secret.b.c", true],
    ["encrypted_suffix", "_secret", "a.b", false],
    ["encrypted_regex", "^(data|stringData)$", "stringData.password", true],
    ["encrypted_regex", "^(data|stringData)$", "metadata.name", false],
    ["encrypted_regex", "ata", "metadata.name", true],
    ["encrypted_regex", "(?i)^PASSWORD$", "spec.password", true],
    ["encrypted_regex", "(", "spec.password", false],
    ["encrypted_regex", "(?=data)", "data.password", false],
    ["unencrypted_regex", "^(kind|metadata)$", "metadata.name", false],
    ["unencrypted_regex", "^(kind|metadata)$", "data.name", true],
    ["unencrypted_regex", "(", "data.name", true],
  ])("with %s %s, %s is encrypted: %s", (rule, pattern, path, encrypted) => {
    const isEncrypted = createSelector({ rule, pattern });

    expect(isEncrypted({ path: path.split("."), comments: [], isComment: false })).toBe(encrypted);
  });

  it.each([
    ["encrypted_comment_regex", [["sops:enc"]], false, true],
    ["encrypted_comment_regex", [["sops:enc"], []], false, true],
    ["encrypted_comment_regex", [["other"]], false, false],
    ["encrypted_comment_regex", [["sops:enc"]], true, false],
    ["encrypted_comment_regex", [["sops:enc", "next"]], true, true],
    ["unencrypted_comment_regex", [["sops:enc"]], false, false],
    ["unencrypted_comment_regex", [["sops:enc"]], true, false],
    ["unencrypted_comment_regex", [["other"]], false, true],
  ] as const)(
    "with %s, comments %j (a comment itself: %s) mean encrypted: %s",
    (rule, comments, isComment, encrypted) => {
      const isEncrypted = createSelector({ rule, pattern: "sops:enc" });

      expect(isEncrypted({ path: ["a"], comments, isComment })).toBe(encrypted);
    },
  );
});
