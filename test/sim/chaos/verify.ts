/** Is every cluster exactly what Git says, with nothing left over and nobody waiting for a message that will not come? */
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { conditionsOf } from "../../../shared/health/fields.ts";
import { ownerName, ownerNamespace } from "../../../shared/ssa/owner.ts";
import type { Ending } from "../kernel.ts";
import type { Files } from "./git.ts";
import { parse } from "./manifests.ts";
import type { SimWorld } from "./world.ts";

export interface Findings {
  /** Missing or not as in Git, or a Kustomization that has not applied the last revision. */
  readonly lost: readonly string[];
  /** Owned by a Kustomization that does not want it, or in the cluster without a reason. */
  readonly orphans: readonly string[];
  /** Leases, rows, terminating objects and dead letters. */
  readonly stuck: readonly string[];
}

interface Wanted {
  readonly object: KubeObject;
  readonly owner: { readonly name: string; readonly namespace: string } | undefined;
}

const rootName = "flux-system";
const graceSeconds = 90;

export function verify(world: SimWorld): Findings {
  const lost: string[] = [];
  const orphans: string[] = [];
  const stuck: string[] = [];
  const head = world.repository.head();
  const files = world.repository.filesAt(head);
  for (const [name, { store }] of world.clusters) {
    const wanted = wantedIn(files, name);
    const live = new Map<string, KubeObject>();
    for (const resource of store.resources())
      for (const stored of store.list(resource)) live.set(idOf(stored as KubeObject), stored as KubeObject);
    for (const [id, { object, owner }] of wanted) {
      const problem = findProblem(object, owner, live.get(id), `main@sha1:${head}`);
      if (problem !== undefined) lost.push(`${name} ${id}: ${problem}`);
    }
    for (const [id, object] of live) {
      if (object.metadata.deletionTimestamp !== undefined) stuck.push(`${name} ${id} is terminating`);
      const { [ownerName]: owner, [ownerNamespace]: ownersNamespace } = object.metadata.labels ?? {};
      if (owner === undefined || wanted.has(id)) continue;
      orphans.push(`${name} ${id} of ${ownersNamespace}/${owner}`);
    }
  }
  return { lost, orphans, stuck: [...stuck, ...findWaiting(world)] };
}

export const isClean = ({ lost, orphans, stuck }: Findings): boolean =>
  lost.length + orphans.length + stuck.length === 0;

/** Rows that nobody has served, leases that nobody holds, due times long past, and messages that were given up. */
function findWaiting({ table, queues, simulation, processes }: SimWorld): readonly string[] {
  const now = simulation.now() / 1000;
  const stuck: string[] = [];
  for (const row of table.items()) {
    if (row.sk !== "RUN") continue;
    const key = textOf(row.pk);
    if (row.reqSeq !== row.doneSeq && processes.size === 0) stuck.push(`${key} was asked and not served`);
    if (typeof row.leaseExp === "number" && row.leaseExp < now - 5) stuck.push(`${key} holds a dead lease`);
    if (typeof row.nextAt === "string" && Number(row.nextAt) < now - graceSeconds) stuck.push(`${key} is overdue`);
  }
  for (const { key, why, ending } of queues.deadLetters)
    stuck.push(`message for ${key} (${why}) is a dead letter: its last worker ${describe(ending)}`);
  return stuck;
}

function describe(ending: Ending): string {
  return ending.kind === "crashed" ? `ended with ${String(ending.error)}` : `was ${ending.kind}`;
}

/** Everything that Git wants in a cluster, found from its root as the engine does: Kustomization by Kustomization. */
export function wantedIn(files: Files, cluster: string): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  const visit = (name: string, namespace: string, path: string): void => {
    const folder = path.replace(/^\.\//, "");
    for (const [file, text] of files) {
      if (!file.startsWith(`${folder}/`)) continue;
      for (const object of parse(text)) {
        wanted.set(idOf(object), { object, owner: { name, namespace } });
        if (object.kind !== "Kustomization") continue;
        const spec = object.spec as { readonly path: string };
        visit(object.metadata.name, object.metadata.namespace ?? "", spec.path);
      }
    }
  };
  for (const [apiVersion, kind] of [
    ["kustomize.toolkit.fluxcd.io/v1", "Kustomization"],
    ["source.toolkit.fluxcd.io/v1", "GitRepository"],
  ] as const) {
    const object = { apiVersion, kind, metadata: { name: rootName, namespace: rootName } };
    wanted.set(idOf(object), { object, owner: undefined });
  }
  visit(rootName, rootName, `./clusters/${cluster}`);
  return wanted;
}

function idOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return [kind, namespace, name].filter(Boolean).join("/");
}

function findProblem(
  wanted: KubeObject,
  owner: Wanted["owner"],
  live: KubeObject | undefined,
  revision: string,
): string | undefined {
  if (!live) return "is missing";
  const { labels = {} } = live.metadata;
  if (owner && (labels[ownerName] !== owner.name || labels[ownerNamespace] !== owner.namespace))
    return `is owned by ${labels[ownerNamespace]}/${labels[ownerName]}`;
  for (const [name, value] of Object.entries(wanted))
    if (name !== "metadata" && !holds(live[name], value)) return `has another ${name}`;
  if (live.kind === "ConfigMap" && sizeOf(live.data) !== sizeOf(wanted.data)) return "has more data";
  if (live.kind !== "Kustomization" && live.kind !== "GitRepository") return undefined;
  const ready = conditionsOf(live).find(({ type }) => type === "Ready");
  if (ready?.status !== "True") return `is not ready: ${ready?.reason}: ${ready?.message}`;
  const status = live.status as {
    readonly observedGeneration?: number;
    readonly lastAppliedRevision?: string;
    readonly artifact?: { readonly revision?: string };
  };
  if (status.observedGeneration !== live.metadata.generation) return "has not observed its generation";
  const seen = live.kind === "Kustomization" ? status.lastAppliedRevision : status.artifact?.revision;
  return seen === revision ? undefined : `is at ${seen}`;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const sizeOf = (value: unknown): number => Object.keys(value ?? {}).length;

/** Every field of `wanted` is in `live`; lists are compared item by item. */
function holds(live: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return live === wanted;
  if (typeof live !== "object" || live === null) return Object.keys(wanted).length === 0;
  return Object.entries(wanted).every(([name, value]) => holds((live as Record<string, unknown>)[name], value));
}
