/**
 * Keeps builds under what they were made of: the same artifact and path is built once for the whole fleet, retries of a
 * run included. What is kept is ciphertext or plain as it is in Git; a missing key only means to build again.
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

import type { Build, BuildRequest, Renderer } from "../kustomize/ports.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { DEFAULT_RENDER_LIMITS, type RenderWarning } from "./protocol.ts";

/** Builders of another version may print another YAML. */
const builderVersion = "kustomize-5.8.1/2";

/** What is kept of a build; the YAML lies beside it, named by its digest. */
interface Kept {
  readonly v: 1;
  readonly closure: string;
  readonly digest: string;
  readonly warnings?: readonly RenderWarning[];
}

/** @param trigger asks the source to fetch an artifact again that is not in the bucket any more */
export function createCachedRenderer(
  inner: Renderer,
  blobs: BlobStore,
  trigger: (sourceKey: string, why: string) => Promise<void>,
): Renderer {
  return {
    async build(request) {
      const name = nameOf(request);
      const known = await findKept(request, name, blobs);
      if (known) {
        request.began?.();
        return known;
      }
      await requireArtifact(request, blobs, trigger);
      const build = await buildInner(inner, request);
      await keep(build, name, blobs);
      return build;
    },
  };
}

function nameOf({ artifact, path, overlay }: BuildRequest): string {
  const inputs = JSON.stringify([builderVersion, artifact.digest, path, overlay]);
  return createHash("sha256").update(inputs).digest("hex");
}

async function findKept(request: BuildRequest, name: string, blobs: BlobStore): Promise<Build | undefined> {
  const bytes = await blobs.get(`rendered/${name}.json`);
  const kept = bytes && parseKept(bytes);
  if (!kept) return undefined;
  const { closure, digest, warnings } = kept;
  if (closure === request.knownClosure) return { kind: "unchanged", closure };
  const packed = digest === "" ? undefined : await blobs.get(yamlKey(digest));
  if (!packed) return undefined;
  const yaml = gunzipSync(packed, { maxOutputLength: DEFAULT_RENDER_LIMITS.outputBytes }).toString("utf8");
  return { kind: "built", yaml, closure, digest, ...(warnings ? { warnings } : {}) };
}

function parseKept(bytes: Uint8Array): Kept | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Kept>;
    const fits = value.v === 1 && typeof value.closure === "string" && typeof value.digest === "string";
    return fits ? (value as Kept) : undefined;
  } catch {
    return undefined;
  }
}

async function requireArtifact(
  { artifact }: BuildRequest,
  blobs: BlobStore,
  trigger: (sourceKey: string, why: string) => Promise<void>,
): Promise<void> {
  if (await blobs.exists(artifact.blobKey)) return;
  await trigger(artifact.sourceKey, "artifact missing");
  throw new ReconcileError("wait", "ArtifactFailed", "Source is not ready, artifact not found, retrying in 30s");
}

/** The path was found as soon as the build itself is what fails. */
async function buildInner(inner: Renderer, request: BuildRequest): Promise<Build> {
  try {
    const build = await inner.build(request);
    request.began?.();
    return build;
  } catch (error) {
    if (error instanceof ReconcileError && error.reason === "BuildFailed") request.began?.();
    throw error;
  }
}

/** Both at once: without the YAML the build is made again. */
async function keep(build: Build, name: string, blobs: BlobStore): Promise<void> {
  const digest = build.kind === "built" ? build.digest : "";
  const { warnings = [] } = build.kind === "built" ? build : {};
  const kept: Kept = { v: 1, closure: build.closure, digest, ...(warnings.length > 0 ? { warnings } : {}) };
  const puts = [blobs.put(`rendered/${name}.json`, Buffer.from(JSON.stringify(kept)), "application/json")];
  if (build.kind === "built")
    puts.push(blobs.put(yamlKey(digest), gzipSync(build.yaml, { level: 1 }), "application/gzip"));
  await Promise.all(puts);
}

const yamlKey = (digest: string): string => `rendered/${digest.replace("sha256:", "")}.yaml.gz`;
