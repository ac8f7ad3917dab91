/** One suite for both servers: what is written here is true of the sandbox and of a real API server. */
import { describeBehaviours } from "./behaviours.ts";
import { describeTranscripts } from "./describe-transcripts.ts";
import type { Target } from "./target.ts";
import { describeTools } from "./tools.ts";

export function describeConformance(target: () => Target): void {
  describeTranscripts(target);
  describeBehaviours(target);
  describeTools(target);
}
