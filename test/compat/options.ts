/** What `npm run test:compat` can be told. */
import { Command, CommanderError, InvalidArgumentError } from "commander";

import { isFleet } from "./fleets/fleets.ts";

export interface CompatOptions {
  /** Names of the cases and fleets to run. */
  readonly cases: readonly string[];
  /** Which of them all are run, so that a row of the table that nothing needed is stale. */
  readonly complete: { readonly cases: boolean; readonly fleets: boolean };
  readonly jobs: number;
  readonly list: boolean;
  readonly findings?: string;
}

const defaultJobs = 6;

/** @throws CommanderError for what is unknown, and with exit code 0 after the help was printed */
export function parseCompatOptions(argv: readonly string[], known: readonly string[]): CompatOptions {
  const program = new Command("npm run test:compat --")
    .description("Runs repositories through real Flux and through Driftless, and compares what they leave behind.")
    .argument(
      "[cases...]",
      "names; a trailing * stands for all that begin so, a fleet for its clusters; all by default",
    )
    .option("--jobs <count>", "cases at a time", parseJobs, defaultJobs)
    .option("--no-fleets", "leave out the public fleets")
    .option("--list", "print the cases and what each is about", false)
    .option("--findings <file>", "also write each difference as a line of JSON to this file")
    .addHelpText("after", "\nExit codes: 0 no unexplained difference, 1 some, 2 cannot compare here.")
    .exitOverride();
  program.parse(["node", "compat", ...argv]);
  const [named = []] = program.processedArgs as [readonly string[] | undefined];
  const { fleets, ...options } = program.opts<Omit<CompatOptions, "cases" | "complete"> & { fleets: boolean }>();
  const wantedNames = named.length === 0 ? known : known.filter((name) => named.some((wanted) => fits(name, wanted)));
  const cases = fleets ? wantedNames : wantedNames.filter((name) => !isFleet(name));
  for (const wanted of named)
    if (!known.some((name) => fits(name, wanted))) program.error(`there is no case ${wanted}; --list shows them`);
  const complete = { cases: named.length === 0, fleets: named.length === 0 && cases.some(isFleet) };
  return { ...options, cases, complete };
}

export { CommanderError };

const fits = (name: string, wanted: string): boolean =>
  wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted || name.startsWith(`${wanted}/`);

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (Number.isSafeInteger(jobs) && jobs > 0) return jobs;
  throw new InvalidArgumentError("want a whole number above 0.");
}
