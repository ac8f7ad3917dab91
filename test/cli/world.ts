/** A terminal and a fleet for tests of the commands. */
import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import type { BuildTools } from "../../cli/local-build/build-directory.ts";
import type { CliPorts } from "../../cli/ports.ts";
import type { ProgramPorts } from "../../cli/program-ports.ts";
import { fakeClock, type FakeClock } from "../fakes/fake-clock.ts";
import { objectCluster, type ObjectCluster } from "../fakes/object-cluster.ts";

export interface World {
  readonly ports: CliPorts;
  readonly cluster: ObjectCluster;
  readonly clock: FakeClock;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly triggered: readonly string[];
}

/** One cluster with these objects, or several clusters by name. */
export function aWorld(
  objects: readonly KubeObject[] | Readonly<Record<string, ObjectCluster>>,
  ports: Partial<CliPorts> = {},
): World {
  const single = objectCluster(Array.isArray(objects) ? { objects: objects as readonly KubeObject[] } : {});
  const clusters: Readonly<Record<string, ObjectCluster>> = Array.isArray(objects)
    ? { local: single }
    : (objects as Readonly<Record<string, ObjectCluster>>);
  const clock = fakeClock();
  const out: string[] = [];
  const err: string[] = [];
  const triggered: string[] = [];
  return {
    cluster: Object.values(clusters)[0] ?? single,
    clock,
    stdout: () => out.join(""),
    stderr: () => err.join(""),
    triggered,
    ports: {
      clusters: Object.entries(clusters).map(([name, cluster]) => ({ name, cluster })),
      out: (text) => out.push(text),
      err: (text) => err.push(text),
      clock,
      trigger: async (cluster: string, { kind, name }: ObjectRef) => void triggered.push(`${cluster}/${kind}/${name}`),
      confirm: async () => false,
      ...ports,
    },
  };
}

/** What a program needs to work on this world. */
export const programPorts = ({ ports }: World, buildTools?: BuildTools): ProgramPorts => ({
  version: "0",
  now: () => 0,
  connect: async () => ports,
  logs: async () => undefined,
  out: ports.out,
  workingDirectory: process.cwd(),
  buildTools: async () => {
    if (!buildTools) throw new Error("unexpected call of buildTools");
    return buildTools;
  },
});

export const revision = "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f";

const ready = (message: string) => [
  { type: "Ready", status: "True", reason: "Succeeded", message, observedGeneration: 1 },
];

export const aGitRepository = (name = "fleet", rest: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name, namespace: "flux-system", generation: 1 },
  spec: { interval: "1m", url: "https://git.example.com/fleet" },
  status: {
    observedGeneration: 1,
    artifact: { revision },
    conditions: ready(`stored artifact for revision '${revision}'`),
  },
  ...rest,
});

export const aKustomization = (name = "apps", rest: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name, namespace: "flux-system", generation: 1 },
  spec: { interval: "10m", prune: true, sourceRef: { kind: "GitRepository", name: "fleet" } },
  status: {
    observedGeneration: 1,
    lastAppliedRevision: revision,
    conditions: ready(`Applied revision: ${revision}`),
  },
  ...rest,
});

/** Handles every reconcile request at once, as an engine would after a while. */
export function playEngine(cluster: ObjectCluster): void {
  cluster.onWrite = (object) => {
    const requested = object.metadata.annotations?.["reconcile.fluxcd.io/requestedAt"];
    const status = (object.status ?? {}) as Record<string, unknown>;
    if (requested && status.lastHandledReconcileAt !== requested)
      cluster.put({ ...object, status: { ...status, lastHandledReconcileAt: requested } });
  };
}
