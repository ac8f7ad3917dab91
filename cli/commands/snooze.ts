/** `snooze`: holds correction and alarms of drift until a time, for a reason that others can read. */
import type { ObjectRef } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { formatSnooze, parseSnooze, snoozeAnnotation } from "../../shared/drift/mode.ts";
import { rfc3339 } from "../../shared/runtime/clock.ts";
import { eachCluster } from "../each-cluster.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { createSay } from "../say.ts";
import { requireObject } from "../wait.ts";
import { wake } from "./reconcile.ts";

export interface SnoozeOptions {
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds from now. */
  readonly for?: number;
  /** Epoch milliseconds. */
  readonly until?: number;
  readonly reason?: string;
  /** Ends a snooze before its time. */
  readonly end?: boolean;
}

/**
 * On every cluster that has the Kustomization.
 * @throws CommandError without a time to come or a reason, or when no cluster has it
 */
export async function snooze(ports: CliPorts, options: SnoozeOptions): Promise<void> {
  const { namespace, name, end = false } = options;
  const ref: ObjectRef = { apiVersion: kustomizationApiVersion, kind: kustomizationKind, namespace, name };
  const value = end ? null : annotationOf(options, ports.clock.now());
  const { requireAll } = await eachCluster(ports, async (named) => {
    await requireObject(named.cluster, ref, ports.signal);
    const annotations = { [snoozeAnnotation]: value };
    await named.cluster.mergePatch(ref, { metadata: { annotations } }, { fieldManager: "flux" });
    await wake(ports, named, ref, "drift snoozed");
    const until = value === null ? undefined : parseSnooze(value)?.until;
    const words = until === undefined ? "is heeded again" : `is left and not alarmed until ${rfc3339(until)}`;
    createSay(ports, named).success(`drift of Kustomization ${name} ${words}`);
  });
  requireAll();
}

function annotationOf({ for: millis, until, reason = "" }: SnoozeOptions, now: number): string {
  if ((millis === undefined) === (until === undefined))
    throw new CommandError("say how long: either --for 2h or --until 2026-01-01T10:00:00Z");
  const time = until ?? now + (millis ?? 0);
  if (time <= now) throw new CommandError(`a snooze ends in the future, not at ${rfc3339(time)}`);
  if (reason.trim() === "") throw new CommandError('say why, for whoever finds it: --reason "…"');
  return formatSnooze({ until: time, reason: reason.trim().replace(/\s+/gu, " ") });
}
