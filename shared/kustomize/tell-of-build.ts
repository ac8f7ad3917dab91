/** What a build had that its author should know of although it does not fail: one event for each reason and revision. */
import type { Reason } from "../api/conditions.ts";
import { failureEvent } from "./events.ts";
import type { Run } from "./run.ts";

export interface BuildFinding {
  readonly reason: Reason;
  readonly message: string;
}

export const findings = (reason: Reason, messages: readonly string[]): readonly BuildFinding[] =>
  messages.map((message) => ({ reason, message }));

/** A run after the first attempt at a revision has nothing new to tell. */
export async function tellOfBuild(
  { kustomization, ports, revision }: Pick<Run, "kustomization" | "ports" | "revision">,
  found: readonly BuildFinding[],
): Promise<void> {
  const { lastAttemptedRevision, conditions = [] } = kustomization.status;
  const concluded = conditions.find(({ type }) => type === "Ready")?.observedGeneration;
  if (lastAttemptedRevision === revision && concluded === kustomization.metadata.generation) return;
  for (const reason of new Set(found.map((finding) => finding.reason))) {
    const messages = found.filter((finding) => finding.reason === reason).map(({ message }) => message);
    await ports.event(failureEvent(kustomization, reason, messages.join("\n"), revision));
  }
}
