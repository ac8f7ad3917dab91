/** Plays one step of a case on one side, and waits until it has come to rest. */
import { setTimeout as pause } from "node:timers/promises";

import { gitRepositoryApiVersion, gitRepositoryKind } from "../../shared/api/git-repository.ts";
import { type KubeObject, refOf, subject } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import type { Case, Step } from "./case.ts";
import { listFluxObjects } from "./observe.ts";
import { type Rest, settle } from "./settle.ts";
import type { Side } from "./side.ts";

export interface Stage {
  readonly of: Case;
  readonly step: Step;
  /** From 0; the first one makes the namespaces and the source. */
  readonly index: number;
  readonly url: string;
  /** What the step has pushed. */
  readonly revision: string | undefined;
}

const submitter = "compat";
const sourceName = "repo";
const requestedAt = "reconcile.fluxcd.io/requestedAt";

export async function play(stage: Stage, side: Side): Promise<Rest> {
  const { step, index, url, revision } = stage;
  const { name, namespaces } = stage.of;
  const objects = step.objects.map((object) => withUrl(object, url));
  if (index === 0) await prepare(stage, objects, side);
  for (const args of step.kubectl) await side.kubectl(args.includes("-n") ? args : ["-n", name, ...args]);
  for (const object of objects) await submit(side, object);
  if (step.unaided) {
    await side.sweep(namespaces);
    return rest(stage, side, undefined);
  }
  const { sources, kustomizations } = await listFluxObjects(side.cluster, namespaces);
  if (index > 0 && revision !== undefined) {
    for (const source of sources) await request(side, source, index);
    const submitted = new Set(objects.filter(isKustomization).map(subject));
    await side.notify([...sources, ...kustomizations.filter((one) => submitted.has(subject(one)))]);
    return rest(stage, side, revision);
  }
  if (step.reconcile) for (const one of kustomizations) await request(side, one, index);
  // Commands may have touched any of them.
  const all = [...sources, ...kustomizations];
  const submitted = new Set(objects.map(subject));
  const isTouched = step.reconcile || step.kubectl.length > 0;
  await side.notify(isTouched ? all : all.filter((object) => submitted.has(subject(object))));
  return rest(stage, side, undefined);
}

/** The source first: what is built from it must not depend on who was quicker. */
async function prepare(stage: Stage, objects: readonly KubeObject[], side: Side): Promise<void> {
  const { name, namespaces } = stage.of;
  for (const namespace of namespaces)
    await submit(side, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  const isOwn = (object: KubeObject) =>
    isSource(object) && object.metadata.name === sourceName && object.metadata.namespace === name;
  const source = objects.find(isOwn) ?? sourceObject(name, stage.url);
  await submit(side, source);
  await side.notify([source]);
  await rest(stage, side, stage.revision, 0);
}

async function rest(
  { of, step }: Stage,
  { cluster }: Side,
  revision: string | undefined,
  quietMillis = 1_800,
): Promise<Rest> {
  const revisions = new Map<string, string>();
  if (revision !== undefined) revisions.set(`${gitRepositoryKind}/${of.name}/${sourceName}`, revision);
  const deadline = Date.now() + (of.deadlineSeconds + step.waitSeconds) * 1000;
  const ready = step.ready && quietMillis > 0;
  if (step.waitSeconds > 0 && quietMillis > 0) await pause(step.waitSeconds * 1000);
  return settle(cluster, of.namespaces, { deadline, revisions, quietMillis, ready });
}

async function submit(side: Side, object: KubeObject): Promise<void> {
  await side.cluster.apply(withAccess(object, side.access), { fieldManager: submitter, force: true });
}

const placeholder = /\$\{(SERVER|CA|CERTIFICATE|KEY)\}/g;

/** A kubeconfig in a Secret leads to the side's own API server; such a Secret is not compared. */
function withAccess(object: KubeObject, access: Side["access"]): KubeObject {
  if (!leadsToSide(object)) return object;
  const text = JSON.stringify(object).replaceAll(placeholder, (_, name: string) => access[name] ?? "");
  return JSON.parse(text) as KubeObject;
}

export const leadsToSide = (object: KubeObject): boolean =>
  object.kind === "Secret" && JSON.stringify(object).search(placeholder) >= 0;

/** As `flux reconcile` does. */
async function request(side: Side, object: KubeObject, index: number): Promise<void> {
  const annotations = { [requestedAt]: `step-${index + 1}` };
  await side.cluster.mergePatch(refOf(object), { metadata: { annotations } }, { fieldManager: "flux" });
}

const isSource = ({ kind }: KubeObject) => kind === gitRepositoryKind;
const isKustomization = ({ apiVersion, kind }: KubeObject) =>
  apiVersion === kustomizationApiVersion && kind === kustomizationKind;

function sourceObject(namespace: string, url: string): KubeObject {
  return {
    apiVersion: gitRepositoryApiVersion,
    kind: gitRepositoryKind,
    metadata: { name: sourceName, namespace },
    // So long that nobody runs who was not asked to.
    spec: { interval: "1h", url, ref: { branch: "main" } },
  };
}

/** A source of the case's own is the case's repository unless it says otherwise. */
function withUrl(object: KubeObject, url: string): KubeObject {
  const { spec } = object as { spec?: Readonly<Record<string, unknown>> };
  return isSource(object) ? { ...object, spec: { url, ...spec } } : object;
}
