import { describe, expect, it } from "vitest";

import type { BuildRequest, Renderer } from "../../../shared/kustomize/ports.ts";
import { createCachedRenderer } from "../../../shared/render/cached-renderer.ts";
import type { KustomizationOverlay } from "../../../shared/render/protocol.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";

const warnings = [{ reason: "UnknownField", message: "a field" }] as const;
const artifact = {
  revision: "main@sha1:one",
  digest: "sha256:one",
  blobKey: "artifacts/one.tar.gz",
  sourceKey: "one/source.toolkit.fluxcd.io/GitRepository/flux-system/flux-system",
};

async function aWorld() {
  const blobs = createMemoryBlobs();
  await blobs.put(artifact.blobKey, Buffer.from("archive"), "application/gzip");
  const built: BuildRequest[] = [];
  const inner: Renderer = {
    build: async (request) => {
      built.push(request);
      return { kind: "built", yaml: "a: 1\n", closure: "sha256:closure", digest: "sha256:yaml", warnings };
    },
  };
  const renderer = createCachedRenderer(inner, blobs, async () => undefined);
  const build = (overlay: KustomizationOverlay, path = "apps") => renderer.build({ artifact, path, overlay });
  return { built, build };
}

describe("createCachedRenderer", () => {
  it("builds the same artifact, path and spec once", async () => {
    const { built, build } = await aWorld();
    const first = await build({ namePrefix: "a-" });
    expect(await build({ namePrefix: "a-" })).toEqual(first);
    expect(built).toHaveLength(1);
  });

  it.each<[string, KustomizationOverlay]>([
    ["targetNamespace", { targetNamespace: "team" }],
    ["namePrefix", { namePrefix: "a-" }],
    ["nameSuffix", { nameSuffix: "-a" }],
    ["patches", { patches: [{ patch: "{}" }] }],
    ["components", { components: ["../c"] }],
    ["ignoreMissingComponents", { ignoreMissingComponents: true }],
    ["images", { images: [{ name: "web", newTag: "2" }] }],
    ["buildMetadata", { buildMetadata: [] }],
  ])("builds again when %s of the spec differs", async (_, overlay) => {
    const { built, build } = await aWorld();
    await build({});
    await build(overlay);
    expect(built.map((request) => request.overlay)).toEqual([{}, overlay]);
  });
});
