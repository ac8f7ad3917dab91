/** The grammar of the verbs that say who serves a cluster: take-over, hand-back, uninstall. */
import type { Command } from "commander";

import { handBack } from "./commands/hand-back.ts";
import { takeOver } from "./commands/take-over.ts";
import { uninstall } from "./commands/uninstall.ts";
import type { Globals, ProgramPorts } from "./program-ports.ts";

interface EngineFlags extends Globals {
  readonly dryRun?: boolean;
  readonly keepNamespace?: boolean;
  readonly silent?: boolean;
}

export function addEngineVerbs(program: Command, ports: ProgramPorts): void {
  program
    .command("take-over")
    .description("bring Flux to rest in one cluster, so that the engine can serve it; nothing else is touched")
    .option("--dry-run", "only print what would be scaled")
    .option("-s, --silent", "do not ask")
    .action(async (_: unknown, self: Command) => {
      const { timeout, ...flags }: EngineFlags = self.optsWithGlobals();
      await takeOver(await ports.connect(flags), { ...flags, timeoutMillis: timeout });
    });
  program
    .command("hand-back")
    .description("give one cluster back to Flux: remove what only the engine brought, scale the controllers up again")
    .option("--dry-run", "only print what would be deleted and scaled")
    .option("-s, --silent", "do not ask")
    .action(async (_: unknown, self: Command) => {
      const { timeout, ...flags }: EngineFlags = self.optsWithGlobals();
      await handBack(await ports.connect(flags), { ...flags, timeoutMillis: timeout });
    });
  program
    .command("uninstall")
    .description("take the engine and Flux's API out of a cluster; workloads stay")
    .option("--dry-run", "only print what would be deleted")
    .option("--keep-namespace", "do not delete the namespace")
    .option("-s, --silent", "do not ask")
    .action(async (_: unknown, self: Command) => {
      const { timeout, ...flags }: EngineFlags = self.optsWithGlobals();
      await uninstall(await ports.connect(flags), { ...flags, timeoutMillis: timeout });
    });
}
