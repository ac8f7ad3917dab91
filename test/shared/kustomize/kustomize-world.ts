/** One Kustomization in a cluster in memory, with a source and a renderer that answer what a test puts there. */
import { isDeepStrictEqual } from "node:util";

import type { KubeObject, ObjectRef } from "../../../shared/api/kube-object.ts";
import type { KnownActor } from "../../../shared/audit/actors.ts";
import { defaultFluxSettings, type FluxSettings, readFluxSettings } from "../../../shared/config/flux-settings.ts";
import { type Kustomization, type KustomizationStatus, parseKustomization } from "../../../shared/api/kustomization.ts";
import { LeaseLostError } from "../../../shared/lease/lease.ts";
import type { Item } from "../../../shared/lease/ports.ts";
import { type AppliedState, createAppliedStates } from "../../../shared/kustomize/applied-state.ts";
import type { BuildRequest, KustomizePorts, Outcome } from "../../../shared/kustomize/ports.ts";
import { reconcile } from "../../../shared/kustomize/reconcile.ts";
import type { RenderWarning } from "../../../shared/render/protocol.ts";
import type { EngineEvent } from "../../../shared/runtime/event.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import type { DriftMode } from "../../../shared/drift/mode.ts";
import { createDriftRecords, type DriftRecords } from "../../../shared/drift/records.ts";
import type { LogFields } from "../../../shared/runtime/log.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import type { Spokes } from "../../../shared/kubernetes/spokes.ts";
import { memorySpokes } from "../../fakes/spokes.ts";
import { createMemoryCluster, type MemoryCluster, type MemoryClusterOptions } from "../../fakes/memory-cluster.ts";

export const key = "one/kustomize.toolkit.fluxcd.io/Kustomization/apps/shop";
export const self: ObjectRef = {
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  namespace: "apps",
  name: "shop",
};
const owner = { "kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "apps" };
export const owned = (object: KubeObject, labels: Readonly<Record<string, string>> = owner): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, labels },
});

export const config = (name: string, value = "1"): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "apps" },
  data: { value },
});
export const configId = (name: string) => ({ id: `apps_${name}__ConfigMap`, v: "v1" });
export const configRef = (name: string): ObjectRef => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  namespace: "apps",
  name,
});

export function deployment(name: string): KubeObject {
  const labels = { app: name };
  const spec = {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "web:1" }] } },
  };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: "apps" }, spec };
}

export const rolledOut = {
  observedGeneration: 1,
  replicas: 1,
  updatedReplicas: 1,
  readyReplicas: 1,
  availableReplicas: 1,
  conditions: [{ type: "Available", status: "True" }],
};

export const yamlOf = (...objects: readonly KubeObject[]): string =>
  objects.map((object) => JSON.stringify(object)).join("\n---\n");

/** One status patch as the API server got it. */
export interface SentStatus {
  readonly resourceVersion: unknown;
  readonly status: Readonly<Record<string, unknown>>;
}

export interface KustomizeWorld {
  readonly cluster: MemoryCluster;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly events: EngineEvent[];
  /** What was told to others, e.g. `trigger Kustomization/apps/child deleted`. */
  readonly told: string[];
  readonly builds: BuildRequest[];
  readonly statuses: SentStatus[];
  readonly drifts: number[];
  readonly driftRecords: DriftRecords;
  readonly logs: { readonly event: string; readonly fields: LogFields }[];
  driftMode: DriftMode;
  /** Who changes objects, as the audit log would tell. */
  culprit: KnownActor | undefined;
  /** kube-system uid of the API server. */
  server: string;
  /** How the cluster is applied to; undefined: as Flux without flags. */
  settings: FluxSettings;
  /** What the source has stored and the renderer answers. */
  git: { revision: string | undefined; yaml: string; closure: string; warnings?: readonly RenderWarning[] };
  /** From this write on (0 is the first) the lease is lost; undefined: never. */
  fenceFrom: number | undefined;
  fences: number;
  /** How many writes had been sent when the lease was first found lost. */
  writesWhenLost: number | undefined;
  /** How many looks at the deadline find it far away. */
  looksBeforeDeadline: number;
  /** What happens when the object has noted what it waits for. */
  awaited?: () => void;
  run(row?: Item): Promise<Outcome>;
  /** Asks for a run as `flux reconcile` does. */
  request(at: string): void;
  object(): Kustomization;
  status(): KustomizationStatus;
  inventory(): readonly string[];
  condition(type: string): readonly string[] | undefined;
  state(server?: string): Promise<AppliedState>;
  writes(): readonly string[];
}

const gitRepository: KubeObject = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name: "shop", namespace: "apps" },
  spec: { url: "https://git.example.com/shop", interval: "1m" },
};

const isWrite = (request: string): boolean => /^(create|apply|patch|patch-status|delete) /.test(request);

export function aKustomizeWorld(
  spec: Readonly<Record<string, unknown>> = {},
  options: Pick<MemoryClusterOptions, "isAllowed" | "admit"> & { readonly spokes?: Spokes } = {},
): KustomizeWorld {
  const clock = fakeClock();
  const cluster = createMemoryCluster({ ...options, now: clock.now });
  const statuses: SentStatus[] = [];
  const recording = record(cluster, statuses);
  const states = createAppliedStates(createMemoryBlobs());
  const sourceRef = { kind: "GitRepository", name: "shop" };
  cluster.put(gitRepository);
  cluster.put({
    apiVersion: self.apiVersion,
    kind: self.kind,
    metadata: { name: "shop", namespace: "apps", finalizers: ["finalizers.fluxcd.io"] },
    spec: { interval: "10m", prune: true, sourceRef, ...spec },
  });
  cluster.forgetRequests();

  const world: KustomizeWorld = {
    cluster,
    clock,
    events: [],
    told: [],
    builds: [],
    statuses,
    drifts: [],
    driftRecords: createDriftRecords(createMemoryTable({ now: clock.now }), clock),
    logs: [],
    driftMode: "within-a-minute",
    culprit: undefined,
    server: "server",
    settings: defaultFluxSettings(),
    git: { revision: "main@sha1:one", yaml: "", closure: "closure-1" },
    fenceFrom: undefined,
    fences: 0,
    writesWhenLost: undefined,
    looksBeforeDeadline: Infinity,
    run: async (row = {}) =>
      await reconcile(world.object(), key, row, {
        ...ports,
        server: world.server,
        settings: world.settings,
        driftMode: world.driftMode,
      }),
    request: (at) =>
      void cluster.edit(self, { metadata: { annotations: { "reconcile.fluxcd.io/requestedAt": at } } }, "flux"),
    object: () => parsed(cluster.find(self)),
    status: () => world.object().status,
    inventory: () => (world.status().inventory?.entries ?? []).map(({ id }) => id),
    condition: (type) => {
      const found = world.status().conditions?.find((condition) => condition.type === type);
      return found && [found.status, found.reason, found.message];
    },
    state: async (server = "server") => await states.load(key, server),
    writes: () => cluster.requests.filter(isWrite),
  };
  const ports: Omit<KustomizePorts, "settings" | "server" | "driftMode"> = {
    storeSettings: async (objects) => (world.settings = readFluxSettings(objects)),
    cluster: recording,
    spokes: options.spokes ?? memorySpokes(),
    announcerOf: (name) => ({
      trigger: async ({ kind, namespace, name: child }, why) =>
        void world.told.push(`trigger ${name} ${kind}/${namespace}/${child} ${why}`),
    }),
    states,
    clock,
    sources: {
      artifactOf: async ({ name }) => {
        const { revision } = world.git;
        return revision === undefined || name !== "shop"
          ? undefined
          : { revision, digest: "sha256:a", blobKey: "artifacts/a.tar.gz", sourceKey: "source" };
      },
    },
    renderer: {
      build: async (request) => {
        world.builds.push(request);
        request.began?.();
        const { yaml, closure, warnings = [] } = world.git;
        if (request.knownClosure === closure) return { kind: "unchanged", closure };
        return { kind: "built", yaml, closure, digest: `sha256:${closure}`, warnings };
      },
    },
    announcer: {
      trigger: async ({ kind, namespace, name }, why) =>
        void world.told.push(`trigger ${kind}/${namespace}/${name} ${why}`),
      awaits: async ({ namespace, name }) => {
        world.told.push(`awaits ${namespace}/${name}`);
        world.awaited?.();
      },
      awaitsNoMore: async ({ namespace, name }) => void world.told.push(`awaits no more ${namespace}/${name}`),
      ready: async () => void world.told.push("ready"),
      gone: async () => void world.told.push("gone"),
    },
    log: (event, fields = {}) => void world.logs.push({ event, fields }),
    event: async (event) => void world.events.push(event),
    fence: () => {
      world.fences += 1;
      if (world.fenceFrom === undefined || world.fences <= world.fenceFrom) return;
      world.writesWhenLost ??= world.writes().length;
      throw new LeaseLostError("lost");
    },
    drifts: world.driftRecords,
    findCulprit: async ({ isDeleted }) => (world.culprit && !isDeleted ? world.culprit : undefined),
    digestKey: async () => Buffer.from("a key for tests"),
    drifted: (objects) => void world.drifts.push(objects),
    isDeadlineNear: () => (world.looksBeforeDeadline -= 1) < 0,
  };
  return world;
}

function parsed(object: KubeObject | undefined): Kustomization {
  const result = object && parseKustomization(object);
  if (!result?.ok) throw new Error(`not a Kustomization: ${JSON.stringify(result?.findings)}`);
  return result.value;
}

/** Keeps the bodies of status patches, which the cluster's list of requests does not show. */
function record(cluster: MemoryCluster, statuses: SentStatus[]): MemoryCluster {
  const wrap = <T extends Pick<MemoryCluster, "mergePatch" | "as">>(view: T): T => ({
    ...view,
    mergePatch: async (ref, body, options) => {
      const { metadata = {}, status } = body as {
        metadata?: { resourceVersion?: unknown };
        status?: SentStatus["status"];
      };
      if (options.subresource === "status" && status && isDeepStrictEqual(ref, self))
        statuses.push({ resourceVersion: metadata.resourceVersion, status });
      return await view.mergePatch(ref, body, options);
    },
    as: (user) => wrap(view.as(user)),
  });
  return wrap(cluster);
}
