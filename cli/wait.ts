/** Waits until the engine has done what was asked for, judging an object as Flux's CLI does. */
import { subject, type KubeObject, type ObjectRef } from "../shared/api/kube-object.ts";
import { conditionsOf, fieldAt } from "../shared/health/fields.ts";
import { assessGeneric, assessReadyCondition } from "../shared/health/generic.ts";
import { KubeError, type Cluster } from "../shared/kubernetes/cluster.ts";
import { CommandError, type CliPorts } from "./ports.ts";

const pollMillis = 1000;

export interface WaitOptions {
  readonly timeoutMillis: number;
  /** Nothing counts before this is true of the object. */
  readonly handled: (object: KubeObject) => boolean;
}

/**
 * The object once it is handled and current.
 * @throws CommandError when it stalls, or is not current in time, with the message of its Ready condition
 */
export async function waitUntilCurrent(
  { clock, signal }: Pick<CliPorts, "clock" | "signal">,
  cluster: Cluster,
  ref: ObjectRef,
  { timeoutMillis, handled }: WaitOptions,
): Promise<KubeObject> {
  const deadline = clock.now() + timeoutMillis;
  for (;;) {
    const object = await requireObject(cluster, ref, signal);
    if (handled(object)) {
      const health = assessGeneric(object) ?? assessReadyCondition(object);
      if (health.status === "Current") return object;
      if (health.status !== "InProgress") throw new CommandError(health.message);
    }
    if (clock.now() >= deadline) throw new CommandError(describeTimeout(object, timeoutMillis));
    await clock.sleep(pollMillis, signal);
  }
}

/** @throws KubeError NotFound */
export async function requireObject(cluster: Cluster, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject> {
  const object = await cluster.get(ref, signal);
  if (!object) {
    const { kind, name, namespace } = ref;
    throw new KubeError(404, "NotFound", `${kind} object '${name}' not found in "${namespace ?? ""}" namespace`);
  }
  return object;
}

export const readyOf = (object: KubeObject) => conditionsOf(object).find(({ type }) => type === "Ready");

export const lastHandledOf = (object: KubeObject): unknown => fieldAt(object, "status", "lastHandledReconcileAt");

function describeTimeout(object: KubeObject, timeoutMillis: number): string {
  const message = readyOf(object)?.message ?? "it has no Ready condition";
  return `${subject(object)} is not ready after ${Math.round(timeoutMillis / 1000)}s: ${message}`;
}
