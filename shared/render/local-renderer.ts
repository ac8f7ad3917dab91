/** Builds in this process' own machine: for the CLI and tests, and wherever no render function is deployed. */
import { createHash } from "node:crypto";

import type { BlobStore } from "../runtime/blob-store.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Builder, StoredRemote } from "./builder.ts";
import type { MountedRemote } from "./mounts.ts";
import { render, type RenderTools } from "./render.ts";

export function createLocalRenderer(tools: RenderTools, blobs: BlobStore): Builder {
  return {
    build: async (request) => {
      const { artifact, path, overlay, knownClosure } = request;
      const archive = await blobs.get(artifact.blobKey);
      if (archive === undefined) {
        throw new ReconcileError("wait", "ArtifactFailed", "Source is not ready, artifact not found, retrying in 30s");
      }
      const remotes = await Promise.all((request.remotes ?? []).map((remote) => mounted(remote, blobs)));
      const input = { ...overlay, path, knownClosure, archive, artifactDigest: artifact.digest, remotes };
      const result = await render(input, tools);
      switch (result.kind) {
        case "needs":
          return result;
        case "failed":
          throw new ReconcileError("retry", result.reason, result.message);
        case "unchanged":
          return { kind: "unchanged", closure: result.closure.digest };
        case "built": {
          const digest = `sha256:${createHash("sha256").update(result.yaml).digest("hex")}`;
          const { yaml, closure, warnings } = result;
          return { kind: "built", yaml: yaml.toString("utf8"), closure: closure.digest, digest, warnings };
        }
      }
    },
  };
}

async function mounted(remote: StoredRemote, blobs: BlobStore): Promise<MountedRemote> {
  const archive = await blobs.get(remote.blobKey);
  if (archive === undefined) throw new ReconcileError("wait", "ArtifactFailed", "a remote base is not in the bucket");
  return { ...remote, archive };
}
