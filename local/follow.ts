/** Follows Flux's objects of a cluster until all of them are ready, or until it is clear that they will not be. */
import { gitRepositoryApiVersion, gitRepositoryKind } from "../shared/api/git-repository.ts";
import type { KubeObject } from "../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../shared/api/kustomization.ts";
import { conditionsOf } from "../shared/health/fields.ts";
import { type Cluster, KubeError } from "../shared/kubernetes/cluster.ts";
import type { Clock } from "../shared/runtime/clock.ts";

export interface Followed {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly ready: boolean;
  readonly revision: string;
  readonly message: string;
  readonly secondsSincePush: number;
}

export interface FollowOptions {
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly timeoutMillis: number;
  readonly signal: AbortSignal;
  /** The commit that everything must be at; the one that the root source is at where absent. */
  readonly commit?: string | undefined;
  /** Names of Kustomizations in flux-system that must be there. */
  readonly expected: readonly string[];
}

const pollMillis = 150;

export async function followUntilReady(cluster: Cluster, options: FollowOptions): Promise<readonly Followed[]> {
  const { clock, since, timeoutMillis, signal, expected, commit } = options;
  const readyAt = new Map<string, number>();
  for (;;) {
    const objects = [
      ...(await listOrNone(cluster, gitRepositoryApiVersion, gitRepositoryKind)),
      ...(await listOrNone(cluster, kustomizationApiVersion, kustomizationKind)),
    ];
    const revision = commit ?? revisionOf(objects.find(({ kind }) => kind === gitRepositoryKind));
    const followed = objects.map((object) => follow(object, revision, since, readyAt, clock.now()));
    const complete = expected.every((name) => followed.some((f) => f.kind === kustomizationKind && f.name === name));
    if (complete && followed.every(({ ready }) => ready)) return followed;
    if (clock.now() - since > timeoutMillis) return followed;
    await clock.sleep(pollMillis, signal);
  }
}

function follow(
  object: KubeObject,
  wanted: string,
  since: number,
  readyAt: Map<string, number>,
  now: number,
): Followed {
  const { namespace = "", name } = object.metadata;
  const condition = conditionsOf(object).find(({ type }) => type === "Ready");
  const revision = revisionOf(object);
  const ready = condition?.status === "True" && revision !== "" && revision.endsWith(wanted);
  const key = `${object.kind}/${namespace}/${name}`;
  if (ready && !readyAt.has(key)) readyAt.set(key, now);
  const secondsSincePush = Math.max(0, Math.round(((readyAt.get(key) ?? now) - since) / 10) / 100);
  const message = condition?.message ?? "waiting to be reconciled";
  return { kind: object.kind, namespace, name, ready, revision, message, secondsSincePush };
}

function revisionOf(object: KubeObject | undefined): string {
  const status = (object?.status ?? {}) as { artifact?: { revision?: string }; lastAppliedRevision?: string };
  return status.artifact?.revision ?? status.lastAppliedRevision ?? "";
}

async function listOrNone(cluster: Cluster, apiVersion: string, kind: string): Promise<readonly KubeObject[]> {
  try {
    return (await cluster.list(apiVersion, kind)).items;
  } catch (error) {
    if (error instanceof KubeError && (error.reason === "NoMatch" || error.reason === "NotFound")) return [];
    throw error;
  }
}
