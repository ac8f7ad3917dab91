/** What the grammar of the command line needs of the process, and what all of its commands have in common. */
import type { Command } from "commander";

import type { LogsOptions } from "./commands/logs.ts";
import type { BuildTools } from "./local-build/build-directory.ts";
import type { CliPorts } from "./ports.ts";

/** Flags that say which clusters are meant. */
export interface ConnectionOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly fleet?: string;
  /** Names of clusters of the fleet; all when empty. */
  readonly cluster?: readonly string[];
}

export interface ProgramPorts {
  readonly version: string;
  readonly connect: (options: ConnectionOptions) => Promise<CliPorts>;
  readonly logs: (options: ConnectionOptions & LogsOptions & { readonly follow?: boolean }) => Promise<void>;
  readonly now: () => number;
  /** Where `build` prints when it needs no cluster. */
  readonly out: (text: string) => void;
  /** What relative paths of the command line are relative to. */
  readonly workingDirectory: string;
  /** Finds the builder for local builds. */
  readonly buildTools: () => Promise<BuildTools>;
  readonly signal?: AbortSignal;
}

export interface Globals extends ConnectionOptions {
  readonly namespace: string;
  readonly timeout: number;
}

/** The command of several words, each with aliases; the words before the last are made when they are missing. */
export function leaf(parent: Command, words: readonly (readonly string[])[]): Command {
  const [[name = "", ...aliases] = [], ...rest] = words;
  const existing = parent.commands.find((command) => command.name() === name);
  const command = existing ?? parent.command(name).aliases(aliases);
  return rest.length > 0 ? leaf(command, rest) : command;
}
