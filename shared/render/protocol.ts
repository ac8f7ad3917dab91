/**
 * What reconcile says to the render function and what comes back. The function has no rights: it reads one URL and
 * writes one URL, and reconcile checks what was written.
 */

/** Fields of a Flux Kustomization's spec that are merged into the root kustomization.yaml, under Flux's names. */
export interface KustomizationOverlay {
  readonly targetNamespace?: string | undefined;
  readonly namePrefix?: string | undefined;
  readonly nameSuffix?: string | undefined;
  readonly patches?: readonly unknown[] | undefined;
  readonly components?: readonly string[] | undefined;
  readonly ignoreMissingComponents?: boolean | undefined;
  readonly images?: readonly OverlayImage[] | undefined;
  readonly buildMetadata?: readonly string[] | undefined;
}

/** Those fields of a spec, or of a request; what is not set is left out, so that the same fields give the same JSON. */
export function overlayOf(given: KustomizationOverlay): KustomizationOverlay {
  const { targetNamespace, namePrefix, nameSuffix, patches, components, ignoreMissingComponents, images } = given;
  const { buildMetadata } = given;
  const overlay: KustomizationOverlay = {
    targetNamespace,
    namePrefix,
    nameSuffix,
    patches,
    components,
    ignoreMissingComponents,
    images,
    buildMetadata,
  };
  return Object.fromEntries(Object.entries(overlay).filter(([, value]) => value !== undefined));
}

export interface OverlayImage {
  readonly name: string;
  readonly newName?: string | undefined;
  readonly newTag?: string | undefined;
  readonly digest?: string | undefined;
}

export interface RenderLimits {
  /** Size of the tar.gz. */
  readonly archiveBytes: number;
  /** Size of all files of the artifact. */
  readonly unpackedBytes: number;
  /** Files and directories of the artifact. */
  readonly entries: number;
  /** Directories above a file. */
  readonly depth: number;
  /** One file that the build reads. */
  readonly fileBytes: number;
  /** All files that the build reads. */
  readonly visitedBytes: number;
  readonly buildMillis: number;
  /** YAML that the build may print. */
  readonly outputBytes: number;
}

export const DEFAULT_RENDER_LIMITS: RenderLimits = {
  archiveBytes: 100 * 1024 ** 2,
  unpackedBytes: 384 * 1024 ** 2,
  entries: 50_000,
  depth: 64,
  fileBytes: 16 * 1024 ** 2,
  visitedBytes: 128 * 1024 ** 2,
  buildMillis: 60_000,
  outputBytes: 64 * 1024 ** 2,
};

export interface RenderRequest extends KustomizationOverlay {
  readonly v: 1;
  /** Presigned GET of the artifact's tar.gz. */
  readonly artifactUrl: string;
  /** `sha256:<hex>` of the tar.gz. */
  readonly artifactDigest: string;
  /** `spec.path`: relative to the artifact's root, which it cannot leave. */
  readonly path: string;
  /** Presigned PUT that takes the gzip of the multi-document YAML. */
  readonly handoffUrl: string;
  /** Digest of the closure that was built last: if it is the same, nothing is built and nothing handed over. */
  readonly knownClosure?: string | undefined;
  /** All content of remote references that is known so far. */
  readonly remotes?: readonly RemoteArchive[];
  readonly limits?: Partial<RenderLimits>;
}

/** What a reference to somewhere outside of the artifact may turn out to be. */
export interface RemoteNeed {
  /** As it stands in the kustomization. */
  readonly url: string;
  /** `resource`: kustomize takes what the URL answers for manifests, and else the URL for a repository. */
  readonly as: "file" | "directory" | "resource";
}

/** The content behind such a reference, as the engine stored it. */
export interface RemoteContent extends RemoteNeed {
  /** A file is the one entry `content` of its archive. */
  readonly kind: "file" | "directory";
  /** Directory of the kustomization in the archive; empty for its root and for a file. */
  readonly path: string;
  /** `sha256:<hex>` of the tar.gz. */
  readonly digest: string;
}

export interface RemoteArchive extends RemoteContent {
  /** Presigned GET of the tar.gz. */
  readonly archiveUrl: string;
}

/** References outside of the artifact, those of other remote content included. */
export const MAX_REMOTES = 32;

/**
 * All that the output depends on: the files that the build read, the path, the merged fields of the spec and the
 * builder's version. The same digest means the same output, so it is also the key of the cache.
 */
export interface Closure {
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** How many files. */
  readonly files: number;
}

/** What a build had that its author should know of although it did not fail. */
export interface RenderWarning {
  readonly reason: "UnknownField" | "PatchWithoutTarget";
  readonly message: string;
}

export type RenderFailureReason = "BuildFailed" | "ArtifactFailed";

export interface RenderFailure {
  readonly v: 1;
  readonly ok: false;
  readonly reason: RenderFailureReason;
  /** Flux's text where Flux has one; paths are relative to the artifact's root. */
  readonly message: string;
  /** Present when kustomize itself refused: an unchanged closure will be refused again. */
  readonly closure?: Closure;
  /** The build lacks the content of these references: it is asked for again with them. */
  readonly needs?: readonly RemoteNeed[];
}

export interface RenderSuccess {
  readonly v: 1;
  readonly ok: true;
  readonly unchanged: false;
  /** Bytes that were handed over (gzip). */
  readonly size: number;
  /** `sha256:<hex>` of the bytes that were handed over. */
  readonly sha256: string;
  /** `sha256:<hex>` of the YAML: Flux's digest of a build. */
  readonly yamlDigest: string;
  readonly kustomizeVersion: string;
  readonly closure: Closure;
  readonly warnings?: readonly RenderWarning[];
}

export interface RenderUnchanged {
  readonly v: 1;
  readonly ok: true;
  readonly unchanged: true;
  readonly kustomizeVersion: string;
  readonly closure: Closure;
}

export type RenderResponse = RenderSuccess | RenderUnchanged | RenderFailure;

/** A refusal that the user must read; everything else that is thrown while rendering is a defect or an outage. */
export class RenderError extends Error {
  override readonly name = "RenderError";
  readonly reason: RenderFailureReason;

  constructor(reason: RenderFailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Reads the payload of an invocation.
 *
 * @throws TypeError when it is not a request of version 1: the two functions do not fit together.
 */
export function parseRenderRequest(payload: unknown): RenderRequest {
  const request = payload as Partial<RenderRequest> | null;
  if (typeof request !== "object" || request?.v !== 1) throw new TypeError("render request is not of version 1");
  for (const field of ["artifactUrl", "artifactDigest", "path", "handoffUrl"] as const) {
    if (typeof request[field] !== "string") throw new TypeError(`render request has no ${field}`);
  }
  return request as RenderRequest;
}
