/** What `npm start` can be told. */
import { Command, InvalidArgumentError } from "commander";

import { type FaultSettings, parseFaults } from "./faults.ts";

export interface StartOptions {
  readonly once: boolean;
  readonly json: boolean;
  readonly fresh: boolean;
  readonly yes: boolean;
  readonly takeOver: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly faults?: FaultSettings;
  readonly port: number;
}

export function parseStartOptions(argv: readonly string[]): StartOptions {
  const program = new Command("npm start --")
    .description("Runs the deployed wiring on this machine and deploys examples/fleet to a sandbox cluster.")
    .option("--once", "exit when everything is ready, non-zero with the reason otherwise", false)
    .option("--json", "print the result as one line of JSON at the end", false)
    .option("--fresh", "forget the state of earlier runs (.driftless)", false)
    .option("--context <name>", "deploy to this context of your kubeconfig instead of the sandbox")
    .option("--kubeconfig <path>", "kubeconfig to read the context from")
    .option("--yes", "do not ask before deploying to a real cluster", false)
    .option("--take-over", "write although Flux, at rest, or another engine was there first", false)
    .option(
      "--faults <mix>",
      "a seed, or e.g. seed=7,kill=0.1: lose, double and delay messages and kill functions, repeatably",
      faultsArgument,
    )
    .option("--port <port>", "port of the sandbox cluster; the last one, else a free one, where absent", Number, 0);
  program.parse(["node", "start", ...argv]);
  return program.opts<StartOptions>();
}

/** @throws InvalidArgumentError, which commander prints without a stack. */
function faultsArgument(source: string): FaultSettings {
  try {
    return parseFaults(source);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
