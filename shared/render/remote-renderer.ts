/**
 * Builds through the render function, which has no rights: it gets URLs to read and one to write, and what it wrote
 * is checked against what it said, then taken away.
 */
import { createHash, randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";

import type { BlobStore } from "../runtime/blob-store.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Builder, BuilderRequest } from "./builder.ts";
import { DEFAULT_RENDER_LIMITS, type RenderRequest, type RenderResponse, type RenderSuccess } from "./protocol.ts";

/** Longer than the function may run, so that no URL expires in its hands. */
const URL_SECONDS = 300;

export interface RenderInvoker {
  /**
   * Calls the function and returns its parsed answer.
   *
   * @throws ReconcileError `wait` while it is throttled, `retry` when it died
   */
  invoke(request: RenderRequest): Promise<RenderResponse>;
}

export function createRemoteRenderer(invoker: RenderInvoker, blobs: BlobStore): Builder {
  return {
    build: async (request) => {
      const handoff = `handoff/${randomBytes(24).toString("hex")}`;
      try {
        return await build(request, handoff, invoker, blobs);
      } finally {
        await blobs.delete(handoff);
      }
    },
  };
}

async function build(
  { artifact, path, overlay, knownClosure, remotes = [] }: BuilderRequest,
  handoff: string,
  invoker: RenderInvoker,
  blobs: BlobStore,
): ReturnType<Builder["build"]> {
  const archives = remotes.map(async ({ url, as, kind, path: below, digest, blobKey }) => {
    return { url, as, kind, path: below, digest, archiveUrl: await blobs.presignGet(blobKey, URL_SECONDS) };
  });
  const response = await invoker.invoke({
    ...overlay,
    v: 1,
    path,
    knownClosure,
    artifactUrl: await blobs.presignGet(artifact.blobKey, URL_SECONDS),
    artifactDigest: artifact.digest,
    handoffUrl: await blobs.presignPut(handoff, URL_SECONDS),
    ...(archives.length > 0 ? { remotes: await Promise.all(archives) } : {}),
  });
  if (!response.ok && response.needs) return { kind: "needs", needs: response.needs };
  if (!response.ok) throw new ReconcileError("retry", response.reason, response.message);
  if (response.unchanged) return { kind: "unchanged", closure: response.closure.digest };
  const yaml = verify(await blobs.get(handoff), response);
  const { closure, yamlDigest: digest, warnings = [] } = response;
  return { kind: "built", yaml: yaml.toString("utf8"), closure: closure.digest, digest, warnings };
}

function verify(handed: Uint8Array | undefined, { size, sha256, yamlDigest }: RenderSuccess): Buffer {
  if (handed?.length !== size || sha256Of(handed) !== sha256) {
    throw new ReconcileError("retry", "BuildFailed", "the build's output is not what the render function announced");
  }
  const yaml = gunzipSync(handed, { maxOutputLength: DEFAULT_RENDER_LIMITS.outputBytes });
  if (sha256Of(yaml) !== yamlDigest) {
    throw new ReconcileError("retry", "BuildFailed", "the build's output does not have the announced digest");
  }
  return yaml;
}

const sha256Of = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
