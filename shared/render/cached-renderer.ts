/**
 * Keeps builds under what they were made of: the same artifact and path is built once for the whole fleet, retries of a
 * run included. What is kept is ciphertext or plain as it is in Git; a missing key only means to build again.
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

import type { Build, BuildRequest, Renderer } from "../kustomize/ports.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { redactUrls } from "../runtime/redact-urls.ts";
import type { Builder, RemoteBases, StoredRemote } from "./builder.ts";
import { DEFAULT_RENDER_LIMITS, MAX_REMOTES, type RemoteNeed, type RenderWarning } from "./protocol.ts";

/** Builders of another version may print another YAML. */
const builderVersion = "kustomize-5.8.1/2";

/** Remote bases that name remote bases. */
const maxRemoteDepth = 5;

/** What is kept of a build; the YAML lies beside it, named by its digest. */
interface Kept {
  readonly v: 1;
  readonly closure: string;
  readonly digest: string;
  readonly warnings?: readonly RenderWarning[];
}

/** What is kept of a build that needs more than the artifact: the build itself has a name with what was found there. */
interface KeptNeeds {
  readonly v: 1;
  readonly needs: readonly RemoteNeed[];
}

export interface RendererParts {
  readonly builder: Builder;
  readonly blobs: BlobStore;
  readonly remoteBases: RemoteBases;
  /** Asks the source to fetch an artifact again that is not in the bucket any more. */
  readonly trigger: (sourceKey: string, why: string) => Promise<void>;
}

export function createCachedRenderer(parts: RendererParts): Renderer {
  return {
    async build(request) {
      const name = nameOf(request, []);
      const kept = await readKept(name, parts.blobs);
      if (kept && "needs" in kept) return buildWithRemotes(request, kept.needs, "remembered", parts);
      const known = kept && (await findKept(request, kept, parts.blobs));
      if (known) {
        request.began?.();
        return known;
      }
      const build = await buildOnce(request, [], parts);
      if (build.kind === "needs") return buildWithRemotes(request, build.needs, "asked", parts);
      await keep(build, name, parts.blobs);
      return build;
    },
  };
}

/**
 * Asks what the references stand for now; a build of just that is taken from where it is kept. Else the build says step
 * by step what it needs, for other content may refer to other places.
 */
async function buildWithRemotes(
  request: BuildRequest,
  needs: readonly RemoteNeed[],
  from: "asked" | "remembered",
  parts: RendererParts,
): Promise<Build> {
  if (request.noRemoteBases) throw refused(needs);
  const resolve = resolveOnce(parts.remoteBases);
  const found = await Promise.all(needs.map(resolve)).catch((error: unknown) => {
    // What was needed once may be needed no more, and be gone.
    if (from === "asked" || !(error instanceof ReconcileError)) throw error;
    return [];
  });
  const kept = await readKept(nameOf(request, found), parts.blobs);
  const known = kept && "closure" in kept ? await findKept(request, kept, parts.blobs) : undefined;
  if (known) {
    request.began?.();
    return { ...known, moving: isMoving(found) };
  }
  let remotes = from === "asked" ? found : [];
  for (let depth = 0; depth <= maxRemoteDepth; depth += 1) {
    const build = await buildOnce(request, remotes, parts);
    if (build.kind !== "needs") {
      await keep(build, nameOf(request, remotes), parts.blobs);
      await keepNeeds(remotes, nameOf(request, []), parts.blobs);
      return { ...build, moving: isMoving(remotes) };
    }
    if (remotes.length + build.needs.length > MAX_REMOTES)
      throw failed(`the build refers to more than ${MAX_REMOTES} remote bases`);
    remotes = [...remotes, ...(await Promise.all(build.needs.map(resolve)))];
  }
  throw failed(`remote bases refer to remote bases more than ${maxRemoteDepth} times over`);
}

/** Within one build a place is asked once. */
function resolveOnce(remoteBases: RemoteBases): (need: RemoteNeed) => Promise<StoredRemote> {
  const asked = new Map<string, Promise<StoredRemote>>();
  return (need) => {
    const key = `${need.as} ${need.url}`;
    const answer = asked.get(key) ?? remoteBases.resolve(need);
    asked.set(key, answer);
    return answer;
  };
}

const isMoving = (remotes: readonly StoredRemote[]): boolean => remotes.some(({ pinned }) => !pinned);

function refused([first]: readonly RemoteNeed[]): ReconcileError {
  return failed(`remote bases are not allowed by --no-remote-bases: ${redactUrls(first?.url ?? "")}`);
}

const failed = (message: string): ReconcileError =>
  new ReconcileError("retry", "BuildFailed", `kustomize build failed: ${message}`);

function nameOf({ artifact, path, overlay }: BuildRequest, remotes: readonly StoredRemote[]): string {
  const found = remotes.map(({ as, url, path: below, digest }) => [as, url, below, digest].join(" ")).sort();
  const inputs = JSON.stringify([builderVersion, artifact.digest, path, overlay, ...(found.length > 0 ? [found] : [])]);
  return createHash("sha256").update(inputs).digest("hex");
}

async function findKept(
  request: BuildRequest,
  { closure, digest, warnings }: Kept,
  blobs: BlobStore,
): Promise<Build | undefined> {
  if (closure === request.knownClosure) return { kind: "unchanged", closure };
  const packed = digest === "" ? undefined : await blobs.get(yamlKey(digest));
  if (!packed) return undefined;
  const yaml = gunzipSync(packed, { maxOutputLength: DEFAULT_RENDER_LIMITS.outputBytes }).toString("utf8");
  return { kind: "built", yaml, closure, digest, ...(warnings ? { warnings } : {}) };
}

async function readKept(name: string, blobs: BlobStore): Promise<Kept | KeptNeeds | undefined> {
  const bytes = await blobs.get(`rendered/${name}.json`);
  return bytes && parseKept(bytes);
}

function parseKept(bytes: Uint8Array): Kept | KeptNeeds | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Kept & KeptNeeds>;
    if (value.v !== 1) return undefined;
    if (Array.isArray(value.needs)) return value as KeptNeeds;
    return typeof value.closure === "string" && typeof value.digest === "string" ? (value as Kept) : undefined;
  } catch {
    return undefined;
  }
}

/** The path was found as soon as the build itself is what fails. */
async function buildOnce(request: BuildRequest, remotes: readonly StoredRemote[], parts: RendererParts) {
  await requireArtifact(request, parts);
  try {
    const build = await parts.builder.build({ ...request, remotes });
    request.began?.();
    return build;
  } catch (error) {
    if (error instanceof ReconcileError && error.reason === "BuildFailed") request.began?.();
    throw error;
  }
}

async function requireArtifact({ artifact }: BuildRequest, { blobs, trigger }: RendererParts): Promise<void> {
  if (await blobs.exists(artifact.blobKey)) return;
  await trigger(artifact.sourceKey, "artifact missing");
  throw new ReconcileError("wait", "ArtifactFailed", "Source is not ready, artifact not found, retrying in 30s");
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

async function keepNeeds(remotes: readonly StoredRemote[], name: string, blobs: BlobStore): Promise<void> {
  const kept: KeptNeeds = { v: 1, needs: remotes.map(({ url, as }) => ({ url, as })) };
  await blobs.put(`rendered/${name}.json`, Buffer.from(JSON.stringify(kept)), "application/json");
}

const yamlKey = (digest: string): string => `rendered/${digest.replace("sha256:", "")}.yaml.gz`;
