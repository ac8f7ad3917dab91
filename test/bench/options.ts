/** What `npm run bench` can be told. */
import { Command, CommanderError, InvalidArgumentError } from "commander";

export interface BenchOptions {
  /** Identifiers of the benches to run, in their own order; all when none was named. */
  readonly benches: readonly string[];
  readonly json: boolean;
  readonly write: boolean;
  /** Runs of each side; they alternate. */
  readonly rounds: number;
  /** Kustomizations of B9. */
  readonly sizes: readonly number[];
}

export interface BenchTitle {
  readonly id: string;
  readonly title: string;
}

const defaultRounds = 3;
const defaultSizes = [100, 300, 1000];

/**
 * @param known the benches there are, for the help
 * @throws CommanderError for what is unknown, and with exit code 0 after the help was printed
 */
export function parseBenchOptions(argv: readonly string[], known: readonly BenchTitle[]): BenchOptions {
  const lines = known.map(({ id, title }) => `  ${id.padEnd(4)} ${title}`);
  const program = new Command("npm run bench --")
    .description("Measures Driftless beside the real thing: same machine, same content, alternating runs.")
    .argument("[benches...]", "which to run; all by default", (id: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      requireKnown(id, known),
    ])
    .option("--json", "print one line of JSON per figure instead of a table", false)
    .option("--write", "write docs/benchmarks.md", false)
    .option("--rounds <count>", "runs of each side", parseRounds, defaultRounds)
    .option("--sizes <counts>", "Kustomizations of B9, e.g. 100,300", parseSizes, defaultSizes)
    .addHelpText(
      "after",
      `\nBenches:\n${lines.join("\n")}\n\nExit codes: 0 all promises kept, 1 one missed, 2 cannot measure here.`,
    )
    .exitOverride();
  program.parse(["node", "bench", ...argv]);
  const [named] = program.processedArgs as [readonly string[] | undefined];
  const wanted = new Set(named && named.length > 0 ? named : known.map(({ id }) => id));
  const benches = known.map(({ id }) => id).filter((id) => wanted.has(id));
  return { benches, ...program.opts<Omit<BenchOptions, "benches">>() };
}

export { CommanderError };

function requireKnown(id: string, known: readonly BenchTitle[]): string {
  const found = known.find((bench) => bench.id.toUpperCase() === id.toUpperCase());
  if (found) return found.id;
  throw new InvalidArgumentError(`there is no bench ${id}, only ${known.map((bench) => bench.id).join(", ")}.`);
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isSafeInteger(rounds) && rounds > 0) return rounds;
  throw new InvalidArgumentError("want a whole number above 0.");
}

const parseSizes = (text: string): readonly number[] => text.split(",").map(parseRounds);
