/** The grammar of the verbs about drift and about what waits for a person: drift, snooze, approve. */
import { type Command, Option } from "commander";

import { approve } from "./commands/approve.ts";
import { approveDrift } from "./commands/approve-drift.ts";
import { drift, type DriftOptions } from "./commands/drift.ts";
import { snooze, type SnoozeOptions } from "./commands/snooze.ts";
import { duration, time } from "./flag-values.ts";
import { CommandError } from "./ports.ts";
import { type Globals, leaf, type ProgramPorts } from "./program-ports.ts";

const kustomization = ["kustomization", "ks"] as const;

export function addDriftVerbs(program: Command, ports: ProgramPorts): void {
  addDrift(program, ports);
  addSnooze(program, ports);
  addApprove(program, ports);
}

function addDrift(program: Command, ports: ProgramPorts): void {
  program
    .command("drift")
    .description("print what differs from Git, field by field, and who wrote it")
    .argument("[name]", "only of this Kustomization")
    .option("-A, --all-namespaces", "of Kustomizations in all namespaces")
    .option("--kind <kind>", "only objects of this kind")
    .option("--history", "also what was lately corrected")
    .option("--exit-code", "exit code 1 when something differs")
    .addOption(new Option("-o, --output <format>", "print a list").choices(["json", "yaml"]))
    .action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: Globals & DriftOptions = self.optsWithGlobals();
      await drift(await ports.connect(flags), name === undefined ? flags : { ...flags, name });
    });
}

function addSnooze(program: Command, ports: ProgramPorts): void {
  const parent = program.command("snooze").description("leave drift for a while, without alarms");
  leaf(parent, [kustomization])
    .argument("[name]")
    .description("neither correct nor alarm drift of a Kustomization until a time; what Git changes is applied")
    .option("--for <duration>", "how long, as 2h", duration)
    .option("--until <time>", "until when, RFC 3339", time)
    .option("--reason <text>", "why, for whoever finds it")
    .option("--end", "end it before its time")
    .action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: Globals & Omit<SnoozeOptions, "name"> = self.optsWithGlobals();
      await snooze(await ports.connect(flags), { ...flags, name: requireName(name) });
    });
}

function addApprove(program: Command, ports: ProgramPorts): void {
  const parent = program.command("approve").description("let go on what waits for a person: a prune, or a correction");
  for (const [words, description, run] of [
    [[kustomization], "show the objects that a Kustomization held back, and let exactly these be deleted", approve],
    [
      [["drift"], kustomization],
      "show how a Kustomization differs from Git, and have exactly this corrected",
      approveDrift,
    ],
  ] as const)
    leaf(parent, words)
      .argument("[name]")
      .description(description)
      .option("-y, --yes", "do not ask")
      .action(async (name: string | undefined, _: unknown, self: Command) => {
        const { namespace, yes = false, ...flags }: Globals & { readonly yes?: boolean } = self.optsWithGlobals();
        await run(await ports.connect({ ...flags }), { namespace, name: requireName(name), yes });
      });
}

function requireName(name: string | undefined): string {
  if (name === undefined) throw new CommandError("Kustomization name is required");
  return name;
}
