/** Says when a case's Flux objects have come to rest: each has handled what there is, and nothing moves any more. */
import { setTimeout as pause } from "node:timers/promises";

import { isDeepStrictEqual } from "node:util";

import { type KubeObject, subject } from "../../shared/api/kube-object.ts";
import type { Condition } from "../../shared/api/conditions.ts";
import type { OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { normalizeObject } from "./normalize.ts";
import { listFluxObjects, type Namespaces } from "./observe.ts";

const pollMillis = 300;
const requestedAt = "reconcile.fluxcd.io/requestedAt";
/** A Kustomization that ends with these has not come as far as its source's revision. */
const early = new Set([
  "ArtifactFailed",
  "DependencyNotReady",
  "FeatureNotSupported",
  "FeatureGateDisabled",
  "InvalidCELExpression",
  "AccessDenied",
  "Failed",
]);

export interface Rest {
  readonly sources: readonly KubeObject[];
  readonly kustomizations: readonly KubeObject[];
  /** What had not come to rest when the deadline passed; empty when all is well. */
  readonly restless: readonly string[];
}

export interface SettleOptions {
  /** Epoch milliseconds. */
  readonly deadline: number;
  /** Of the sources that are waited for, by subject. */
  readonly revisions: ReadonlyMap<string, string>;
  /** For so long nothing must move. */
  readonly quietMillis: number;
  /** All Kustomizations are waited for until they are Ready. */
  readonly ready: boolean;
}

export async function settle(
  cluster: OpenCluster,
  namespaces: Namespaces,
  { deadline, revisions, quietMillis, ready }: SettleOptions,
): Promise<Rest> {
  let before: unknown;
  let since = Date.now();
  for (;;) {
    const { sources, kustomizations } = await listFluxObjects(cluster, namespaces);
    const unready = ready ? kustomizations.filter((one) => readyOf(one)?.status !== "True").map(subject) : [];
    const restless = [...findRestless(sources, kustomizations, revisions), ...unready];
    const now = [...sources, ...kustomizations].map(normalizeObject);
    if (restless.length > 0 || !isDeepStrictEqual(now, before)) since = Date.now();
    before = now;
    if (restless.length === 0 && Date.now() - since >= quietMillis) return { sources, kustomizations, restless: [] };
    if (Date.now() > deadline) return { sources, kustomizations, restless };
    await pause(pollMillis);
  }
}

export function findRestless(
  sources: readonly KubeObject[],
  kustomizations: readonly KubeObject[],
  revisions: ReadonlyMap<string, string>,
): readonly string[] {
  const moving = sources.filter((source) => !restsSource(source, revisions.get(subject(source))));
  const working = kustomizations.filter((one) => !rests(one, sources, kustomizations));
  return [...moving, ...working].map((object) => `${subject(object)} (${describeReady(object)})`);
}

type Spec = Readonly<Record<string, unknown>>;
const specOf = ({ spec }: KubeObject): Spec => (spec ?? {}) as Spec;
const statusOf = ({ status }: KubeObject): Spec => (status ?? {}) as Spec;
const conditionsOf = (object: KubeObject) => (statusOf(object).conditions ?? []) as readonly Partial<Condition>[];
const readyOf = (object: KubeObject) => conditionsOf(object).find(({ type }) => type === "Ready");

function describeReady(object: KubeObject): string {
  const ready = readyOf(object);
  if (object.metadata.deletionTimestamp !== undefined) return "being deleted";
  return ready ? `Ready=${ready.status ?? ""} ${ready.reason ?? ""}: ${ready.message ?? ""}` : "no condition yet";
}

/** The spec and the last request are handled, and it is not at work. */
function isHandled(object: KubeObject): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return false;
  const ready = readyOf(object);
  if (!ready || ready.status === "Unknown" || ready.observedGeneration !== metadata.generation) return false;
  const isWorking = conditionsOf(object).some(
    ({ type, status, reason }) => type === "Reconciling" && status === "True" && reason === "Progressing",
  );
  const wanted = metadata.annotations?.[requestedAt];
  return !isWorking && (wanted === undefined || wanted === statusOf(object).lastHandledReconcileAt);
}

function restsSource(source: KubeObject, revision: string | undefined): boolean {
  if (specOf(source).suspend === true) return true;
  if (!isHandled(source)) return false;
  return revision === undefined || revisionOf(source) === revision || readyOf(source)?.status === "False";
}

const revisionOf = (source: KubeObject): unknown =>
  (statusOf(source).artifact as { revision?: unknown } | undefined)?.revision;

function rests(one: KubeObject, sources: readonly KubeObject[], all: readonly KubeObject[]): boolean {
  if (one.metadata.deletionTimestamp !== undefined) return false;
  if (specOf(one).suspend === true) return true;
  if (!isHandled(one)) return false;
  const { reason = "", message = "", status } = readyOf(one) ?? {};
  if (reason === "DependencyNotReady") return !dependenciesAreReady(one, all);
  const revision = revisionOf(sourceOf(one, sources) ?? one);
  // The source has one by now: it is about to look again.
  if (message.startsWith("Source artifact not found")) return revision === undefined;
  if (early.has(reason)) return true;
  if (revision === undefined) return true;
  const { lastAttemptedRevision, lastAppliedRevision } = statusOf(one);
  return status === "True" ? lastAppliedRevision === revision : lastAttemptedRevision === revision;
}

function sourceOf(one: KubeObject, sources: readonly KubeObject[]): KubeObject | undefined {
  const { name, namespace = one.metadata.namespace } = specOf(one).sourceRef as { name: string; namespace?: string };
  return sources.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
}

/** Then it is about to be looked at again; an expression of its own decides otherwise, in its own time. */
function dependenciesAreReady(one: KubeObject, all: readonly KubeObject[]): boolean {
  const wanted = specOf(one).dependsOn as readonly { name: string; namespace?: string; readyExpr?: string }[];
  if (wanted.some(({ readyExpr }) => readyExpr !== undefined)) return false;
  return wanted.every(({ name, namespace = one.metadata.namespace }) => {
    const found = all.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
    return found && isHandled(found) && readyOf(found)?.status === "True";
  });
}
