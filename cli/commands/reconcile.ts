/** `reconcile`: asks for a reconcile by Flux's annotation, wakes the engine, and waits for the outcome. */
import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { fieldAt, stringAt } from "../../shared/health/fields.ts";
import { findKind, type FluxKind } from "../kinds.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";
import { eachCluster } from "../each-cluster.ts";
import { lastHandledOf, readyOf, requireObject, waitUntilCurrent } from "../wait.ts";

export interface ReconcileOptions {
  readonly namespace: string;
  readonly name: string;
  /** Reconciles the source first. */
  readonly withSource?: boolean;
  readonly timeoutMillis: number;
}

export const requestAnnotation = "reconcile.fluxcd.io/requestedAt";

/**
 * On every cluster that has the object.
 * @throws CommandError when none has it, it is suspended, fails or is not ready in time
 */
export async function reconcile(ports: CliPorts, kind: FluxKind, options: ReconcileOptions): Promise<void> {
  const { requireAll } = await eachCluster(ports, (cluster) => reconcileOn(ports, cluster, kind, options));
  requireAll();
}

async function reconcileOn(ports: CliPorts, named: NamedCluster, kind: FluxKind, options: ReconcileOptions) {
  const { namespace, name, withSource = false } = options;
  const ref: ObjectRef = { apiVersion: kind.apiVersion, kind: kind.kind, namespace, name };
  const object = await requireObject(named.cluster, ref, ports.signal);
  if (fieldAt(object, "spec", "suspend") === true) throw new CommandError("resource is suspended");
  if (withSource) await reconcileSource(ports, named, object, options);
  await requestAndWait(ports, named, kind, object, options);
}

async function reconcileSource(ports: CliPorts, named: NamedCluster, object: KubeObject, options: ReconcileOptions) {
  const sourceKind = stringAt(object, ["spec", "sourceRef", "kind"], "");
  const kind = findKind(sourceKind);
  if (!kind?.outcome) throw new CommandError(`cannot reconcile source of kind ${sourceKind}`);
  const name = stringAt(object, ["spec", "sourceRef", "name"], "");
  const namespace = stringAt(object, ["spec", "sourceRef", "namespace"], options.namespace);
  await reconcileOn(ports, named, kind, { namespace, name, timeoutMillis: options.timeoutMillis });
}

async function requestAndWait(
  ports: CliPorts,
  named: NamedCluster,
  { apiVersion, kind, outcome }: FluxKind,
  before: KubeObject,
  { timeoutMillis }: ReconcileOptions,
): Promise<void> {
  const say = createSay(ports, named);
  const { name, namespace = "" } = before.metadata;
  const ref: ObjectRef = { apiVersion, kind, namespace, name };
  const handledBefore = lastHandledOf(before);

  say.action(`annotating ${kind} ${name} in ${namespace} namespace`);
  await request(ports, named, ref, "reconcile requested");
  say.success(`${kind} annotated`);

  say.waiting(`waiting for ${kind} reconciliation`);
  const after = await waitUntilCurrent(ports, named.cluster, ref, {
    timeoutMillis,
    handled: (object) => lastHandledOf(object) !== handledBefore,
  });
  const ready = readyOf(after);
  if (!ready) throw new CommandError("status can't be determined");
  if (ready.status !== "True") throw new CommandError(`${kind} reconciliation failed: '${ready.message}'`);
  say.success(outcome?.(after) ?? `${kind} reconciled`);
}

/** Asks for a run by Flux's annotation, with others beside it in the same write, and wakes the engine. */
export async function request(
  ports: CliPorts,
  named: NamedCluster,
  ref: ObjectRef,
  why: string,
  beside: Readonly<Record<string, string>> = {},
): Promise<void> {
  const annotations = { ...beside, [requestAnnotation]: rfc3339Nano(ports.clock.now()) };
  await named.cluster.mergePatch(ref, { metadata: { annotations } }, { fieldManager: "flux" });
  await wake(ports, named, ref, why);
}

/** Best effort: the annotation or the spec is the request, the message only makes it faster. */
export async function wake(ports: CliPorts, named: NamedCluster, ref: ObjectRef, why: string): Promise<void> {
  if (!ports.trigger) return;
  try {
    await ports.trigger(named.name, ref, why);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    createSay(ports, named).warning(`the engine could not be woken, its next sweep will see the request: ${message}`);
  }
}

/** Go's RFC3339Nano in UTC; the last six digits are always zero here, and Go drops trailing zeros. */
function rfc3339Nano(now: number): string {
  return new Date(now).toISOString().replace(/\.?0+Z$/u, "Z");
}
