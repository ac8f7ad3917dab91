import { describe, expect, it } from "vitest";

import { createLocalRenderer } from "../../../shared/render/local-renderer.ts";
import type { BlobStore } from "../../../shared/runtime/blob-store.ts";
import { artifactOf, type Files, renderTools, sha256Of, temporaryDirectory } from "./tools.ts";

const tools = await renderTools(temporaryDirectory());
const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n";

async function worldOf(files: Files) {
  const { archive, artifactDigest } = await artifactOf(files);
  const refuse = () => Promise.reject(new Error("unexpected call"));
  const get = async (key: string) => (key === "artifacts/1" ? archive : undefined);
  const blobs: BlobStore = {
    get,
    put: refuse,
    exists: refuse,
    delete: refuse,
    list: refuse,
    presignGet: refuse,
    presignPut: refuse,
  };
  const artifact = { sourceKey: "s", revision: "main@sha1:1", digest: artifactDigest, blobKey: "artifacts/1" };
  return { renderer: createLocalRenderer(tools, blobs), request: { artifact, path: "apps", overlay: {} } };
}

describe("createLocalRenderer", () => {
  it("builds the artifact of the store, once per closure", async () => {
    const { renderer, request } = await worldOf({ "apps/a.yaml": configMap });

    const built = await renderer.build(request);
    if (built.kind !== "built") throw new Error(built.kind);

    expect(built).toMatchObject({ kind: "built", yaml: configMap, digest: sha256Of(Buffer.from(configMap)) });
    expect(await renderer.build({ ...request, knownClosure: built.closure })).toEqual({
      kind: "unchanged",
      closure: built.closure,
    });
  });

  it("waits for an artifact that is gone", async () => {
    const { renderer, request } = await worldOf({});

    await expect(
      renderer.build({ ...request, artifact: { ...request.artifact, blobKey: "gone" } }),
    ).rejects.toMatchObject({
      disposition: "wait",
      reason: "ArtifactFailed",
    });
  });

  it("retries what the build refuses", async () => {
    const { renderer, request } = await worldOf({ "apps/kustomization.yaml": "resources: [gone.yaml]" });

    await expect(renderer.build(request)).rejects.toMatchObject({ disposition: "retry", reason: "BuildFailed" });
  });
});
