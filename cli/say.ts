/** The lines that tell a person what happens, with Flux's symbols. They go to standard error, never into a pipe. */
import type { CliPorts, NamedCluster } from "./ports.ts";

export interface Say {
  readonly action: (text: string) => void;
  readonly waiting: (text: string) => void;
  readonly success: (text: string) => void;
  readonly warning: (text: string) => void;
  readonly failure: (text: string) => void;
}

/** With several clusters each line begins with the name of its own. */
export function createSay({ err, clusters }: Pick<CliPorts, "err" | "clusters">, cluster?: NamedCluster): Say {
  const prefix = cluster && clusters.length > 1 ? `${cluster.name}: ` : "";
  const line = (symbol: string) => (text: string) => err(`${symbol} ${prefix}${text}\n`);
  return {
    action: line("►"),
    waiting: line("◎"),
    success: line("✔"),
    warning: line("⚠️"),
    failure: line("✗"),
  };
}
