/** `npm run bench`: runs benches beside the real thing and says which promises hold. */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";

import { missingForCluster } from "../real/up.ts";
import { runBuildBench } from "./build.ts";
import { coldStartFigures } from "./cold-start.ts";
import { describeMachine, documentOf } from "./document.ts";
import { breaksPromise, type Figure, jsonLine, textTable } from "./figure.ts";
import { type BenchTitle, CommanderError, parseBenchOptions } from "./options.ts";
import { pollFigures } from "./poll.ts";
import { runPushBenches } from "./push.ts";
import { runSteadyBenches } from "./steady.ts";
import { runWaitBenches, type WaitRun } from "./wait.ts";

const known: readonly BenchTitle[] = [
  { id: "B1", title: "1,000 objects of 4 kinds at rest: requests, bytes and the API server's CPU of a sweep" },
  { id: "B1v", title: "the same with variables from a ConfigMap and a Secret" },
  {
    id: "B1n",
    title: "the same while 1,000 other objects are written and a webhook's certificate changes each minute",
  },
  { id: "B2", title: "50 Kustomizations of 20 objects at rest" },
  { id: "B3", title: "one of 1,000 objects changed: push to applied, requests, the others untouched" },
  { id: "B4", title: "1, 100 and 1,000 new objects: push to applied, requests" },
  { id: "B8", title: "builds beside kustomize's own process; a push that changes one of 50 Kustomizations" },
];

const waiting: readonly BenchTitle[] = [
  { id: "B9", title: "100, 300 and 1,000 Kustomizations of 4 objects with wait, all Ready (--sizes)" },
  { id: "B10", title: "from a ready object to its Kustomization's Ready" },
];

const alone: readonly BenchTitle[] = [
  { id: "B13", title: "a look at a Git server with 10,000 refs that have not moved" },
  { id: "B14", title: "what each function loads when it starts" },
];

const busyAt = 3;
const interruptedCode = 130;
const target = join(import.meta.dirname, "..", "..", "docs", "benchmarks.md");

async function main(argv: readonly string[]): Promise<number> {
  const options = parseBenchOptions(argv, [...known, ...waiting, ...alone]);
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  const isPushed = options.benches.some((id) => id === "B3" || id === "B4");
  const isReal = options.benches.some((id) => id !== "B8" && alone.every((bench) => bench.id !== id));
  const missing = isReal ? missingForCluster("source-controller", "kustomize-controller") : undefined;
  if (missing) {
    progress(`cannot measure here: ${missing}; run test/real/build.sh controllers`);
    return 2;
  }
  const [load = 0] = loadavg();
  if (load > busyAt)
    progress(`the load of this machine is ${load.toFixed(1)}: seconds will say little, requests are exact`);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interrupt.abort());
  const run = { ...options, progress, signal: interrupt.signal };
  const figures = await runBenches(run, isPushed).catch((error: unknown) => {
    if (interrupt.signal.aborted) return undefined;
    throw error;
  });
  if (!figures) return interruptedCode;
  if (options.json) for (const figure of figures) console.log(jsonLine(figure));
  else console.log(textTable(figures));
  if (options.write) writeFileSync(target, documentOf(figures, describeMachine(options.rounds)));
  return conclude(figures, progress);
}

/** Builds go first: nothing else runs beside them then. */
async function runBenches(run: WaitRun, isPushed: boolean): Promise<readonly Figure[]> {
  const ofBuilds = run.benches.includes("B8") ? await runBuildBench(run) : [];
  const ofRest = await runSteadyBenches(run);
  const ofPushes = isPushed ? await runPushBenches(run) : [];
  const isWaiting = waiting.some(({ id }) => run.benches.includes(id));
  const ofWaits = isWaiting ? await runWaitBenches(run) : [];
  const ofPolls = run.benches.includes("B13") ? await pollFigures() : [];
  const ofStarts = run.benches.includes("B14") ? coldStartFigures(run.progress) : [];
  return [...ofRest, ...ofPushes, ...ofWaits, ...ofBuilds, ...ofPolls, ...ofStarts];
}

function conclude(figures: readonly Figure[], progress: (line: string) => void): number {
  const broken = figures.filter(breaksPromise);
  for (const { bench, metric } of broken) progress(`missed: ${bench} ${metric}`);
  return broken.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
