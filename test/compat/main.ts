/**
 * `npm run test:compat`: the same repositories through real Flux controllers and through Driftless, each on a real API
 * server; what they leave behind is compared field by field.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { each } from "../../shared/runtime/each.ts";
import { createGitRoot, type GitRoot, type GitServer, startGitServer } from "../fakes/git-server.ts";
import { missingForCluster } from "../real/up.ts";
import { versions } from "../real/versions.ts";
import { listCases, loadCase } from "./case.ts";
import type { Difference } from "./compare.ts";
import { type Exception, explain, parseExceptions } from "./exceptions.ts";
import { isFleet, type PlacedFleet, placeFleets, wholeComponents } from "./fleets/fleets.ts";
import { readFluxParts } from "./fleets/flux-parts.ts";
import { runFleet } from "./fleets/run-fleet.ts";
import { CommanderError, type CompatOptions, parseCompatOptions } from "./options.ts";
import { describeDifference, totalsLine } from "./report.ts";
import { type CaseResult, runCase, type Sides } from "./run-case.ts";
import { createDriftlessSide, createFluxSide } from "./side.ts";

const root = join(import.meta.dirname, "..", "..");
const casesFolder = join(root, "test", "compat", "cases");
const fleetsFolder = join(root, "..", "shared", "fleets");
const table = join(root, "docs", "compatibility.md");
/** Two servers of its own for each: more are too many for a machine. */
const mostFleets = 3;
const longestLine = 300;

async function main(argv: readonly string[]): Promise<number> {
  const placed = placeFleets(fleetsFolder);
  const options = parseCompatOptions(argv, [...listCases(casesFolder), ...placed.map(({ name }) => name)]);
  if (placed.length === 0) console.log("skipped: the public fleets, which are not at ../shared/fleets");
  if (options.list) {
    for (const name of options.cases) console.log(`${name.padEnd(28)} ${aboutOf(name, placed)}`);
    return 0;
  }
  const missing = missingForCluster("source-controller", "kustomize-controller");
  if (missing) {
    console.error(`cannot compare here: ${missing}; run test/real/build.sh kube etcd kubectl controllers`);
    return 2;
  }
  const { peerName, kubernetes } = versions();
  console.log(`oracle: ${peerName}, kube-apiserver ${kubernetes}`);
  const exceptions = parseExceptions(readFileSync(table, "utf8"));
  if (options.findings !== undefined && existsSync(options.findings)) writeFileSync(options.findings, "");
  const fleets = placed.filter(({ name }) => options.cases.includes(name));
  const results = await withGit(async (git, server) => [
    ...(await runCases(options, exceptions, git, server)),
    ...(await runFleets(fleets, options, exceptions, git, server)),
  ]);
  return conclude(options, results, exceptions);
}

function aboutOf(name: string, placed: readonly PlacedFleet[]): string {
  const fleet = placed.find((one) => one.name === name);
  return fleet ? fleet.cluster.path : loadCase(casesFolder, name).about;
}

async function withGit<T>(work: (git: GitRoot, server: GitServer) => Promise<T>): Promise<T> {
  const git = createGitRoot();
  const server = await startGitServer(git.folder);
  try {
    return await work(git, server);
  } finally {
    await server.close();
    git.remove();
  }
}

async function runCases(
  { cases, jobs, findings }: CompatOptions,
  exceptions: readonly Exception[],
  git: GitRoot,
  server: GitServer,
): Promise<readonly CaseResult[]> {
  const names = cases.filter((name) => !isFleet(name));
  if (names.length === 0) return [];
  const starting = [createFluxSide(), createDriftlessSide()] as const;
  const results: CaseResult[] = [];
  try {
    const [flux, driftless] = await Promise.all(starting);
    const sides: Sides = { flux, driftless, server };
    await each(names, jobs, async (name) => {
      const result = await runCase(loadCase(casesFolder, name), sides, git).catch((error: unknown) =>
        failedCase(name, error),
      );
      results.push(result);
      tell(result, exceptions, findings);
      for (const defect of driftless.takeDefects()) console.log(`  defect: ${defect}`);
    });
  } finally {
    const sides = await Promise.allSettled(starting);
    await Promise.allSettled(sides.map(async (side) => (side.status === "fulfilled" ? side.value.close() : undefined)));
  }
  return results;
}

async function runFleets(
  fleets: readonly PlacedFleet[],
  { jobs, findings }: CompatOptions,
  exceptions: readonly Exception[],
  git: GitRoot,
  server: GitServer,
): Promise<readonly CaseResult[]> {
  if (fleets.length === 0) return [];
  const parts = await readFluxParts(join(fleetsFolder, wholeComponents));
  const results: CaseResult[] = [];
  await each(fleets, Math.min(jobs, mostFleets), async (placed) => {
    const repository = git.create(placed.name.replaceAll(/\W+/g, "-"));
    const result = await runFleet(placed, parts, server, repository).catch((error: unknown) => ({
      ...failedCase(placed.name, error),
      notes: new Map<string, number>(),
      defects: [],
      kustomizations: 0,
      unready: [],
    }));
    results.push(result);
    tell(result, exceptions, findings);
    console.log(
      `  compared ${result.objects} objects, ${result.fields} fields; ${result.kustomizations} Kustomizations`,
    );
    for (const line of result.unready) console.log(`  not ready with Flux: ${line.slice(0, longestLine)}`);
    for (const [note, count] of result.notes) console.log(`  in the copy: ${count} × ${note}`);
    for (const defect of result.defects) console.log(`  defect: ${defect}`);
  });
  return results;
}

/** A case that cannot be played is a difference, and no reason to leave the others out. */
function failedCase(name: string, error: unknown): CaseResult {
  const message = error instanceof Error ? error.message : String(error);
  const difference: Difference = {
    case: name,
    step: 0,
    object: "Case",
    path: "error",
    flux: undefined,
    driftless: message,
  };
  return { name, seconds: 0, unsupported: undefined, objects: 0, fields: 0, differences: [difference] };
}

function tell(result: CaseResult, exceptions: readonly Exception[], findings: string | undefined): void {
  const { unexplained } = explain(result.differences, exceptions);
  const verdict = result.unsupported === undefined ? (unexplained.length === 0 ? "same" : "differs") : "not built";
  console.log(`${verdict.padEnd(9)} ${result.name} (${result.seconds.toFixed(1)} s)`);
  for (const difference of unexplained) console.log(`  ${describeDifference(difference)}`);
  if (findings !== undefined)
    for (const difference of unexplained) appendFileSync(findings, `${JSON.stringify(difference)}\n`);
}

function conclude(options: CompatOptions, results: readonly CaseResult[], exceptions: readonly Exception[]): number {
  const differences: readonly Difference[] = results.flatMap((result) => result.differences);
  const { unexplained, uses } = explain(differences, exceptions);
  const stale = findStale(uses, options);
  for (const name of stale) console.log(`stale: nothing needed this row of docs/compatibility.md: ${name}`);
  for (const [name, count] of uses) if (count > 0) console.log(`intended ${String(count).padStart(4)} × ${name}`);
  const sum = (of: (result: CaseResult) => number) => results.reduce((total, result) => total + of(result), 0);
  console.log(
    totalsLine({
      cases: results.length,
      objects: sum(({ objects }) => objects),
      fields: sum(({ fields }) => fields),
      unexplained: unexplained.length,
    }),
  );
  return unexplained.length > 0 || stale.length > 0 ? 1 : 0;
}

/** A place that only a fleet can need is not missed where there is none. */
function findStale(uses: ReadonlyMap<string, number>, { complete }: CompatOptions): readonly string[] {
  const isFleets = (name: string) => name.includes(": case:fleet:");
  const isAsked = (name: string) => (isFleets(name) ? complete.fleets : complete.cases);
  return [...uses].filter(([name, count]) => count === 0 && isAsked(name)).map(([name]) => name);
}

// The servers are children that end with this process, which a signal alone would not tell.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
