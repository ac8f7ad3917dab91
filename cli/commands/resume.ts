/** `resume`: removes `spec.suspend`, wakes the engine, and waits for the outcome of a single object. */
import { subject, type KubeObject } from "../../shared/api/kube-object.ts";
import { fieldAt } from "../../shared/health/fields.ts";
import { eachCluster } from "../each-cluster.ts";
import type { FluxKind } from "../kinds.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";
import { readyOf, waitUntilCurrent } from "../wait.ts";
import { wake } from "./reconcile.ts";
import { absentEverywhere, find, refTo, requireNames, type SuspendOptions } from "./suspend.ts";

export interface ResumeOptions extends SuspendOptions {
  /** Waits for the reconcile; by default only when one name was given. */
  readonly wait?: boolean;
  readonly timeoutMillis: number;
}

/** @throws CommandError when no name is given or a reconcile that is waited for fails */
export async function resume(ports: CliPorts, kind: FluxKind, options: ResumeOptions): Promise<void> {
  requireNames(kind, options);
  const { names, wait = names.length === 1, namespace } = options;
  const { answers, requireAll } = await eachCluster(ports, async (named) => {
    const { found, absent } = await find(ports, named, kind, options);
    for (const object of found) await resumeOne(ports, named, kind, object);
    return { found, absent };
  });
  for (const name of absentEverywhere(answers.map(({ value }) => value.absent)))
    createSay(ports).failure(
      names.length === 0
        ? `no ${kind.kind} objects found in ${namespace} namespace`
        : `${kind.kind} object '${name}' not found in ${namespace} namespace`,
    );
  if (wait) {
    const waited = answers.flatMap(({ cluster, value }) => value.found.map((object) => ({ cluster, object })));
    await waitForAll(ports, kind, waited, options.timeoutMillis);
  }
  requireAll();
}

async function resumeOne(ports: CliPorts, named: NamedCluster, kind: FluxKind, object: KubeObject): Promise<void> {
  const say = createSay(ports, named);
  const { name, namespace = "" } = object.metadata;
  const ref = refTo(kind, object);
  say.action(`resuming ${kind.humanKind} ${name} in ${namespace} namespace`);
  await named.cluster.mergePatch(ref, { spec: { suspend: null } }, { fieldManager: "flux" });
  say.success(`${kind.humanKind} resumed`);
  await wake(ports, named, ref, "resumed");
}

async function waitForAll(
  ports: CliPorts,
  kind: FluxKind,
  waited: readonly { readonly cluster: NamedCluster; readonly object: KubeObject }[],
  timeoutMillis: number,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    waited.map(({ cluster, object }) => {
      createSay(ports, cluster).waiting(`waiting for ${kind.kind} reconciliation`);
      return waitUntilCurrent(ports, cluster.cluster, refTo(kind, object), { timeoutMillis, handled: isObserved });
    }),
  );
  let failures = 0;
  for (const [index, outcome] of outcomes.entries()) {
    const item = waited[index];
    if (!item) continue;
    const say = createSay(ports, item.cluster);
    const { name } = item.object.metadata;
    if (outcome.status === "fulfilled") {
      say.success(`${kind.kind} ${name} reconciliation completed`);
      say.success(kind.outcome?.(outcome.value) ?? `${subject(outcome.value)} is ready`);
    } else {
      failures += 1;
      const message = outcome.reason instanceof Error ? outcome.reason.message : String(outcome.reason);
      say.failure(`${kind.kind} ${name} reconciliation failed: ${message}`);
    }
  }
  if (failures > 0) throw new CommandError(`reconciliation failed for ${failures} ${kind.kind}(s)`);
}

/** The Ready condition is of the generation that `resume` made. */
function isObserved(object: KubeObject): boolean {
  const ready = readyOf(object);
  if (!ready) return false;
  const conditions = fieldAt(object, "status", "conditions");
  const own: unknown = Array.isArray(conditions)
    ? conditions.find((entry: unknown) => fieldAt(entry, "type") === "Ready")
    : undefined;
  const observed = fieldAt(own, "observedGeneration") ?? fieldAt(object, "status", "observedGeneration");
  return object.metadata.generation === undefined || observed === object.metadata.generation;
}
