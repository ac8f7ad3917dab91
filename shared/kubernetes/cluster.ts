/** The API server of one cluster, as the engine sees it. Adapters translate every failure to `KubeError`. */
import type { KubeObject, ObjectRef } from "../api/kube-object.ts";

/** What discovery says of a kind. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural name in paths, e.g. `deployments`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** A `metav1.Status` of failure, or a connection that failed (`code` 0, `reason` "Unreachable"). */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly code: number;
  /** `NotFound`, `Conflict`, `Invalid`, `Forbidden`, `Unauthorized`, `AlreadyExists`, `Gone`, `TooManyRequests`, `NoMatch`, `Unreachable`, … */
  readonly reason: string;
  /** `details` of the Status, causes included. */
  readonly details: unknown;

  constructor(code: number, reason: string, message: string, options?: { details?: unknown; cause?: unknown }) {
    super(message, { cause: options?.cause });
    this.code = code;
    this.reason = reason;
    this.details = options?.details;
  }
}

/**
 * The API server itself cannot be asked now (no answer, no valid token, too many requests): nothing is wrong with what was
 * asked, and it is asked again later.
 */
export function isUnavailable({ code }: KubeError): boolean {
  return code === 0 || code === 401 || code === 429;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only `metadata` of each item travels (PartialObjectMetadataList). */
  readonly metadataOnly?: boolean;
  readonly limit?: number;
  /** Items of one answer; further ones are asked for, so that a kind of any size is never in memory as a whole. */
  readonly pageSize?: number;
  /** What is kept of each item as it arrives; all of it by default. `index` counts from 0 over all pages. */
  readonly take?: (item: KubeObject, index: number) => KubeObject;
  readonly signal?: AbortSignal;
}

export interface WatchOptions extends Omit<ListOptions, "limit" | "pageSize" | "take"> {
  readonly resourceVersion: string;
  /** After so many the server ends it by itself. */
  readonly timeoutSeconds?: number;
  /** Called when the server has answered: from then on silence means that there are no events. */
  readonly onOpen?: () => void;
}

export interface ObjectList {
  readonly resourceVersion: string;
  readonly items: readonly KubeObject[];
}

export interface ApplyOptions {
  readonly fieldManager: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export interface PatchOptions {
  readonly fieldManager: string;
  readonly subresource?: "status";
  readonly signal?: AbortSignal;
}

export interface DeleteOptions {
  /** Precondition: delete only this incarnation. */
  readonly uid?: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  readonly signal?: AbortSignal;
}

export type WatchEvent = { readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; readonly object: KubeObject };

export interface Cluster {
  /** Discovery of a kind, cached per API server and refreshed once when a kind is unknown. Throws KubeError NoMatch `no matches for kind "X" in version "g/v"`. */
  resource(apiVersion: string, kind: string): Promise<ApiResource>;
  /** Undefined when the object does not exist. Throws on every other failure. */
  get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined>;
  /** Follows `continue` itself unless `limit` is given. */
  list(apiVersion: string, kind: string, options?: ListOptions): Promise<ObjectList>;
  create(object: KubeObject, fieldManager: string, signal?: AbortSignal): Promise<KubeObject>;
  /** Server-side apply (PATCH application/apply-patch+yaml with a JSON body). */
  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject>;
  /** RFC 7396 merge patch. A `metadata.resourceVersion` in the patch is a precondition. */
  mergePatch(ref: ObjectRef, patch: Readonly<Record<string, unknown>>, options: PatchOptions): Promise<KubeObject>;
  jsonPatch(ref: ObjectRef, operations: readonly unknown[], options: PatchOptions): Promise<KubeObject>;
  /** `absent` when it was not there. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<"deleted" | "absent">;
  /** Server-sent events from `resourceVersion` until the signal aborts or the server ends it. A 410, also inside a 200, throws KubeError Gone. */
  watch(apiVersion: string, kind: string, options: WatchOptions): AsyncIterable<WatchEvent>;
  /** A document of the API server that is no object: `/version`, `/openapi/v3`. */
  document(path: string, signal?: AbortSignal): Promise<unknown>;
  /** The same cluster with `Impersonate-User` set, sharing connections and discovery. */
  as(user: string): Cluster;
}
