/** The grammar of the command line: Flux's verbs, words, aliases and flags. Knows nothing of clusters and streams. */
import { Command, Option } from "commander";

import { events } from "./commands/events.ts";
import { get, getAll, type GetOptions } from "./commands/get.ts";
import type { LogsOptions } from "./commands/logs.ts";
import { reconcile } from "./commands/reconcile.ts";
import { resume } from "./commands/resume.ts";
import { suspend } from "./commands/suspend.ts";
import { addDriftVerbs } from "./drift-program.ts";
import { addEngineVerbs } from "./engine-program.ts";
import { count, duration, time } from "./flag-values.ts";
import { fluxKinds, reconciledKinds, type FluxKind } from "./kinds.ts";
import { CommandError } from "./ports.ts";
import { type Globals, leaf, type ProgramPorts } from "./program-ports.ts";
import { addReadVerbs } from "./read-program.ts";
import { addSopsVerbs } from "./sops-program.ts";

interface GetFlags extends Globals, Omit<GetOptions, "namespace" | "name"> {}

interface ActionFlags extends Globals {
  readonly all?: boolean;
  readonly wait?: boolean;
  readonly withSource?: boolean;
}

export function createProgram(ports: ProgramPorts, environment: Readonly<Record<string, string | undefined>>): Command {
  const program = new Command("driftless")
    .description("GitOps for Amazon EKS that speaks Flux's API, over all clusters of a fleet")
    .version(ports.version)
    .option("-n, --namespace <name>", "namespace of the objects", environment.FLUX_SYSTEM_NAMESPACE ?? "flux-system")
    .option("--kubeconfig <file>", "kubeconfig of one cluster")
    .option("--context <name>", "context of the kubeconfig")
    .option("--fleet <file>", "fleet file that lists the clusters")
    .option("--cluster <name>", "only this cluster of the fleet, may be repeated", collect)
    .option("--timeout <duration>", "how long to wait", duration, duration("5m"));

  addGet(program, ports);
  addReconcile(program, ports);
  addSuspend(program, ports);
  addResume(program, ports);
  addDriftVerbs(program, ports);
  addEvents(program, ports);
  addLogs(program, ports);
  addEngineVerbs(program, ports);
  addReadVerbs(program, ports);
  addSopsVerbs(program, ports, environment);
  return program;
}

function addGet(program: Command, ports: ProgramPorts): void {
  const parent = program.command("get").description("print objects and their status");
  const run =
    (kinds: readonly FluxKind[], all: boolean) => async (name: string | undefined, _: unknown, command: Command) => {
      const flags: GetFlags = command.optsWithGlobals();
      const options = { ...flags, ...(name === undefined ? {} : { name }) };
      const connected = await ports.connect(flags);
      const [kind] = kinds;
      if (all) await getAll(connected, kinds, options);
      else if (kind) await get(connected, kind, options);
    };
  for (const kind of fluxKinds)
    getFlags(leaf(parent, kind.words).argument("[name]").description(`print ${kind.kind} objects`)).action(
      run([kind], false),
    );
  const sources = fluxKinds.filter(({ humanKind }) => humanKind.startsWith("source "));
  const images = fluxKinds.filter(({ humanKind }) => humanKind.startsWith("image "));
  for (const [words, kinds] of [
    [[["all"]], fluxKinds],
    [[["sources"], ["all"]], sources],
    [[["images"], ["all"]], images],
  ] as const)
    getFlags(leaf(parent, words).argument("[name]").description("print objects of all these kinds")).action(
      run(kinds, true),
    );
}

const getFlags = (command: Command): Command =>
  withoutWatch(command)
    .option("-A, --all-namespaces", "objects of all namespaces")
    .option("--no-header", "leave out the header")
    .option("-l, --label-selector <selector>", "filter by labels")
    .option("--status-selector <selector>", "filter by a condition, as ready=false or ready!=true")
    .option("--show-source", "show the source of each object")
    .addOption(new Option("-o, --output <format>", "print whole objects").choices(["json", "yaml"]));

/** A flag of Flux's that must not be passed over in silence. */
const withoutWatch = (command: Command): Command =>
  command.addOption(new Option("-w, --watch", "not supported").hideHelp()).on("option:watch", () => {
    throw new CommandError("--watch is not supported: run the command again, or watch with kubectl get --watch");
  });

function addReconcile(program: Command, ports: ProgramPorts): void {
  const parent = program.command("reconcile").description("reconcile an object now and wait for it");
  for (const kind of reconciledKinds) {
    const command = leaf(parent, kind.words).argument("[name]").description(`reconcile a ${kind.kind}`);
    if (kind.reference) command.option("--with-source", "reconcile its source first");
    command.action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: ActionFlags = self.optsWithGlobals();
      if (name === undefined) throw new CommandError(`${kind.kind} name is required`);
      const { namespace, withSource = false, timeout } = flags;
      await reconcile(await ports.connect(flags), kind, { namespace, name, withSource, timeoutMillis: timeout });
    });
  }
}

function addSuspend(program: Command, ports: ProgramPorts): void {
  const parent = program.command("suspend").description("stop the reconciliation of objects");
  for (const kind of reconciledKinds)
    leafOfNames(parent, kind, "suspend").action(async (names: readonly string[], _: unknown, self: Command) => {
      const { all = false, ...flags }: ActionFlags = self.optsWithGlobals();
      await suspend(await ports.connect(flags), kind, { namespace: flags.namespace, names, all });
    });
}

function addResume(program: Command, ports: ProgramPorts): void {
  const parent = program.command("resume").description("go on with the reconciliation of objects");
  for (const kind of reconciledKinds)
    leafOfNames(parent, kind, "resume")
      .option("--wait", "wait until they are ready; the default for a single name")
      .action(async (names: readonly string[], _: unknown, self: Command) => {
        const { all = false, wait, timeout, ...flags }: ActionFlags = self.optsWithGlobals();
        const options = { namespace: flags.namespace, names, all, timeoutMillis: timeout };
        await resume(await ports.connect(flags), kind, wait === undefined ? options : { ...options, wait });
      });
}

function addEvents(program: Command, ports: ProgramPorts): void {
  withoutWatch(program.command("events"))
    .description("print events of Flux objects")
    .option("-A, --all-namespaces", "events of all namespaces")
    .option("--for <kind/name>", "events of one object and its source, or of one kind")
    .option("--types <list>", "only these types: Normal, Warning", commaSeparated)
    .action(async (_: unknown, self: Command) => {
      const flags: Globals & { for?: string; types?: readonly string[]; allNamespaces?: boolean } =
        self.optsWithGlobals();
      await events(await ports.connect(flags), flags);
    });
}

function addLogs(program: Command, ports: ProgramPorts): void {
  program
    .command("logs")
    .description("print the engine's log")
    .option("-A, --all-namespaces", "of objects in all namespaces")
    .option("-f, --follow", "go on as new lines come")
    .option("--kind <kind>", "of objects of one kind")
    .option("--name <name>", "of one object")
    .addOption(new Option("--level <level>", "only this level").choices(["debug", "info", "error"]))
    .option("--since <duration>", "newer than this, as 2m", duration)
    .option("--since-time <time>", "newer than this time, RFC 3339", time)
    .option("--tail <lines>", "only so many of the newest", count)
    .action(async (_: unknown, self: Command) => {
      const { since, sinceTime, ...flags }: Globals & LogsOptions & { sinceTime?: number } = self.optsWithGlobals();
      if (since !== undefined && sinceTime !== undefined)
        throw new CommandError("at most one of --since and --since-time may be given");
      const from = since === undefined ? sinceTime : ports.now() - since;
      await ports.logs({ ...flags, ...(from === undefined ? {} : { since: from }) });
    });
}

/** The command of a kind that takes several names, or all of them. */
const leafOfNames = (parent: Command, { words, kind }: FluxKind, verb: string): Command =>
  leaf(parent, words)
    .argument("[names...]")
    .description(`${verb} ${kind} objects`)
    .option("--all", "all objects of the namespace");

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const commaSeparated = (value: string): readonly string[] => value.split(",").map((part) => part.trim());
