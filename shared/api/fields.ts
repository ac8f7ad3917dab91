/** Schemas that several of Flux's kinds share: references, durations, conditions, artifacts, the envelope of an object. */
import type { Condition } from "./conditions.ts";
import type { KubeObject, ObjectMeta } from "./kube-object.ts";
import type { Finding, Infer, Parsed, Schema } from "./schema.ts";
import {
  choice,
  defaulted,
  integer,
  isRecord,
  list,
  object,
  optional,
  parseWith,
  string,
  stringMap,
} from "./schema.ts";

/** Go's duration syntax without days, as every Flux CRD demands it: `1h30m`, `60s`, `500ms`. */
export const durationPattern = String.raw`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`;

export const duration = (description: string): Schema<string> => string({ description, pattern: durationPattern });

/** The name of an object in the same namespace. */
export const localReference = (description: string) =>
  object({ name: string({ description: "Name of the referent." }) }, { description });

const conditionFields = object(
  {
    lastTransitionTime: string({
      format: "date-time",
      description: "When the condition last changed from one status to another.",
    }),
    message: string({ maxLength: 32768, description: "Details of the transition for a person, may be empty." }),
    observedGeneration: optional(
      integer({ minimum: 0, description: "The metadata.generation that the condition was set for." }),
    ),
    reason: string({
      maxLength: 1024,
      minLength: 1,
      pattern: String.raw`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`,
      description: "Why the condition last changed, for a program, in CamelCase.",
    }),
    status: choice(["True", "False", "Unknown"], { description: "Status of the condition." }),
    type: string({
      maxLength: 316,
      pattern: String.raw`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
      description: "Type of the condition in CamelCase.",
    }),
  },
  { description: "Details of one aspect of the state of this object." },
);

/** Conditions may come from another engine: types and reasons that we do not write are kept as they are. */
export const conditions = (description?: string) =>
  list(conditionFields as Schema<Condition>, description === undefined ? {} : { description });

export const artifactFields = (description: string) =>
  object(
    {
      digest: string({
        pattern: String.raw`^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$`,
        description: "Digest of the archive's bytes as <algorithm>:<checksum>.",
      }),
      lastUpdateTime: string({ format: "date-time", description: "When the artifact last changed." }),
      metadata: optional(stringMap({ description: "What the origin says of the artifact, such as OCI annotations." })),
      path: string({ description: "Path of the archive in the storage." }),
      revision: string({
        description: "The revision at the origin, such as a branch with a commit, or a chart version.",
      }),
      size: optional(integer({ description: "Size of the archive in bytes." })),
      url: string({ description: "Address of the archive for its consumers." }),
    },
    { description },
  );

/** `status.artifact` of a source: what its consumers build from. */
export type Artifact = Infer<ReturnType<typeof artifactFields>>;

/** Carried by every status: the value of the annotation `reconcile.fluxcd.io/requestedAt` that was last acted upon. */
export const lastHandledReconcileAt = optional(
  string({ description: "The last value of the annotation reconcile.fluxcd.io/requestedAt that was handled." }),
);

/** Flux's initial status, filled in by the API server: never observed. */
export const neverObserved = { observedGeneration: -1 } as const;

export const observedGeneration = optional(integer({ description: "The last generation that was reconciled." }));

/** An object of a kind: the envelope of Kubernetes with a typed spec and status. All of Flux's kinds are namespaced. */
export interface ObjectOfKind<ApiVersion extends string, Kind extends string, Spec, Status> extends KubeObject {
  readonly apiVersion: ApiVersion;
  readonly kind: Kind;
  readonly metadata: ObjectMeta & { readonly namespace: string };
  readonly spec: Spec;
  readonly status: Status;
}

/** What the parser and the CRD need to know of a kind. */
export interface KindSchema<ApiVersion extends string, Kind extends string, Spec, Status extends object> {
  readonly apiVersion: ApiVersion;
  readonly kind: Kind;
  readonly spec: Schema<Spec>;
  readonly status: Schema<Status>;
}

/** Reads an object of one kind; refuses those of another group, version or kind. Defaults are filled in. */
export function parseKind<ApiVersion extends string, Kind extends string, Spec, Status extends object>(
  { apiVersion, kind, spec, status }: KindSchema<ApiVersion, Kind, Spec, Status>,
  value: KubeObject,
): Parsed<ObjectOfKind<ApiVersion, Kind, Spec, Status>> {
  const findings: Finding[] = [];
  if (value.apiVersion !== apiVersion)
    findings.push({ path: "apiVersion", message: `must be ${apiVersion}, is ${value.apiVersion}` });
  if (value.kind !== kind) findings.push({ path: "kind", message: `must be ${kind}, is ${value.kind}` });
  if (!isRecord(value.metadata) || typeof value.metadata.name !== "string")
    findings.push({ path: "metadata.name", message: "is required" });
  if (findings.length > 0) return { ok: false, findings };

  const parts = parseWith(
    object({ spec, status: defaulted<unknown>(status, neverObserved) }) as Schema<{
      readonly spec: Spec;
      readonly status: Status;
    }>,
    value,
  );
  if (!parts.ok) return parts;
  const metadata = { ...value.metadata, namespace: value.metadata.namespace ?? "default" };
  return { ok: true, value: { apiVersion, kind, metadata, ...parts.value } };
}

/** Findings as one line: `spec.interval is required; spec.url must match …`. */
export const describeFindings = (findings: readonly Finding[]): string =>
  findings.map(({ path, message }) => (path === "" ? message : `${path} ${message}`)).join("; ");
