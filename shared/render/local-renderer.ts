/** Builds in this process' own machine: for the CLI and tests, and wherever no render function is deployed. */
import { createHash } from "node:crypto";

import type { Build, Renderer } from "../kustomize/ports.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { render, type RenderTools } from "./render.ts";

export function createLocalRenderer(tools: RenderTools, blobs: BlobStore): Renderer {
  return {
    build: async ({ artifact, path, overlay, knownClosure }): Promise<Build> => {
      const archive = await blobs.get(artifact.blobKey);
      if (archive === undefined) {
        throw new ReconcileError("wait", "ArtifactFailed", "Source is not ready, artifact not found, retrying in 30s");
      }
      const result = await render({ ...overlay, path, knownClosure, archive, artifactDigest: artifact.digest }, tools);
      switch (result.kind) {
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
