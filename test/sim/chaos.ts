/** `npm run chaos -- --kills N --seed S [--verbose]`: ends with `kills N, lost 0, orphans 0, stuck 0`, or with exit code 1. */
import { parseArgs } from "node:util";

import { runChaos } from "./chaos/run-chaos.ts";
import { isClean } from "./chaos/verify.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
  },
});

function requireWhole(name: "kills" | "seed"): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${name} must be a whole number, it is ${values[name]}`);
}

const say = values.verbose ? (line: string) => console.log(line) : () => undefined;
const kills = requireWhole("kills");
const { findings, digest, healedAfterMinutes, world } = await runChaos({
  kills,
  seed: requireWhole("seed"),
  say,
});
const { lost, orphans } = findings;
const isLate = healedAfterMinutes === undefined && isClean(findings);
const stuck = [...findings.stuck, ...(isLate ? ["it was not as in Git in time"] : [])];
for (const { process: name, error } of values.verbose ? world.crashes : [])
  say(`${name} ended with ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
say(`simulated ${JSON.stringify(world.simulation.counts)}, queues ${JSON.stringify(world.queues.counts)}`);
say(`trace ${digest}`);
for (const finding of lost) console.log(`lost: ${finding}`);
for (const finding of orphans) console.log(`orphan: ${finding}`);
for (const finding of stuck) console.log(`stuck: ${finding}`);
console.log(`kills ${kills}, lost ${lost.length}, orphans ${orphans.length}, stuck ${stuck.length}`);
process.exit(lost.length + orphans.length + stuck.length === 0 ? 0 : 1);
