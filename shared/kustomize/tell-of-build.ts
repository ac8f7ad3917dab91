/** What a build had that its author should know of although it does not fail: one event for each reason and revision. */
import type { Reason } from "../api/conditions.ts";
import { failureEvent } from "./events.ts";
import type { Run } from "./run.ts";

/** A run after the first attempt at a revision has nothing new to tell. */
export async function tellOfBuild(
  { kustomization, ports, revision }: Pick<Run, "kustomization" | "ports" | "revision">,
  findings: Partial<Readonly<Record<Reason, readonly string[]>>>,
): Promise<void> {
  const { lastAttemptedRevision, conditions = [] } = kustomization.status;
  const concluded = conditions.find(({ type }) => type === "Ready")?.observedGeneration;
  if (lastAttemptedRevision === revision && concluded === kustomization.metadata.generation) return;
  for (const [reason, said] of Object.entries(findings) as [Reason, readonly string[]][])
    if (said.length > 0) await ports.event(failureEvent(kustomization, reason, said.join("\n"), revision));
}
