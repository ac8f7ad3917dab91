/** How the program ends after an error: with what words on standard error, and with which of Flux's exit codes. */
import { CommanderError } from "commander";

import { KubeError } from "../shared/kubernetes/cluster.ts";
import { CommandError } from "./ports.ts";

export interface Conclusion {
  readonly exitCode: number;
  /** Empty when all has been said. */
  readonly text: string;
}

/** @throws the error itself when it is a defect of ours */
export function conclude(error: unknown): Conclusion {
  if (error instanceof CommanderError) return { exitCode: error.exitCode, text: "" };
  if (error instanceof KubeError) return { exitCode: 1, text: `✗ ${error.message}\n` };
  if (!(error instanceof CommandError)) throw error;
  return { exitCode: error.exitCode, text: `${error.severity === "warning" ? "⚠️" : "✗"} ${error.message}\n` };
}
