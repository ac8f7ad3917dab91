import { describe, expect, it } from "vitest";

import { measureApplyLag } from "../../../shared/kustomize/apply-lag.ts";
import type { StoredArtifact } from "../../../shared/kustomize/ports.ts";

const source = { apiVersion: "v1", kind: "GitRepository", namespace: "flux-system", name: "flux-system" };
const artifact: StoredArtifact = { revision: "main@sha1:b", digest: "sha256:b", blobKey: "b", sourceKey: "s" };

async function lagOf(stored: StoredArtifact | undefined, revision: string | undefined, before: unknown) {
  const lag = measureApplyLag({ artifactOf: async () => stored });
  expect(await lag.sources.artifactOf(source)).toBe(stored);
  return lag.of(revision, before, 130_000);
}

describe("the lag of an apply", () => {
  it.each<[string, StoredArtifact | undefined, string | undefined, unknown, number | undefined]>([
    ["counts from when the revision was stored", { ...artifact, storedAt: 100 }, "main@sha1:b", "main@sha1:a", 30],
    ["is never negative", { ...artifact, storedAt: 131 }, "main@sha1:b", "main@sha1:a", 0],
    ["is told once", { ...artifact, storedAt: 100 }, "main@sha1:b", "main@sha1:b", undefined],
    ["is not told of the first revision", { ...artifact, storedAt: 100 }, "main@sha1:b", undefined, undefined],
    ["is unknown for what an older version stored", artifact, "main@sha1:b", "main@sha1:a", undefined],
    ["is unknown without a revision", undefined, undefined, "main@sha1:a", undefined],
  ])("%s", async (_, stored, revision, before, expected) => {
    expect(await lagOf(stored, revision, before)).toBe(expected);
  });
});
