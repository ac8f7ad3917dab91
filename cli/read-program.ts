/** The grammar of the verbs that only look: build, diff, tree, trace, export, debug, metrics. */
import { type Command, InvalidArgumentError, Option } from "commander";

import { buildCommand, type LocalOptions } from "./commands/build.ts";
import { debugKustomization, type DebugOptions } from "./commands/debug.ts";
import { diffCommand, type DiffOptions } from "./commands/diff.ts";
import { diffLive } from "./commands/diff-live.ts";
import { exportObjects } from "./commands/export.ts";
import { printMetrics } from "./commands/metrics.ts";
import { trace } from "./commands/trace.ts";
import { treeKustomization } from "./commands/tree.ts";
import { fluxKinds } from "./kinds.ts";
import type { BuildSettings } from "./local-build/build-kustomization.ts";
import { requireOneCluster } from "./one-cluster.ts";
import { CommandError } from "./ports.ts";
import { type Globals, leaf, type ProgramPorts } from "./program-ports.ts";

const kustomizationWords = [["kustomization", "ks"]] as const;

interface LocalFlags extends Globals {
  readonly path?: string;
  readonly kustomizationFile?: string;
  readonly ignorePaths?: readonly string[];
  readonly strictSubstitute?: boolean;
  readonly recursive?: boolean;
  readonly localSources?: ReadonlyMap<string, string>;
}

export function addReadVerbs(program: Command, ports: ProgramPorts): void {
  addBuild(program, ports);
  addDiff(program, ports);
  addTree(program, ports);
  addTrace(program, ports);
  addExport(program, ports);
  addDebug(program, ports);
  addMetrics(program, ports);
}

function addMetrics(program: Command, ports: ProgramPorts): void {
  program
    .command("metrics")
    .description("print the state of Flux's objects as Prometheus series, under the names that Flux's dashboards read")
    .option("-A, --all-namespaces", "objects of all namespaces")
    .option("--deprecated", "also gotk_reconcile_condition and gotk_suspend_status, which older dashboards read")
    .action(async (_: unknown, self: Command) => {
      const flags: Globals & { allNamespaces?: boolean; deprecated?: boolean } = self.optsWithGlobals();
      const { namespace, allNamespaces = false, deprecated = false } = flags;
      await printMetrics(await ports.connect(flags), { namespace, allNamespaces, deprecated });
    });
}

function addBuild(program: Command, ports: ProgramPorts): void {
  const parent = program.command("build").description("build a Kustomization from a local directory");
  localFlags(leaf(parent, kustomizationWords))
    .description("print the objects that a local directory would become; Secrets stay encrypted, masked as **SOPS**")
    .option("--dry-run", "ask no cluster: needs --kustomization-file, and passes over substituteFrom")
    .action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: LocalFlags & { readonly dryRun?: boolean } = self.optsWithGlobals();
      const cluster = flags.dryRun ? undefined : requireOneCluster(await ports.connect(flags)).cluster;
      await buildCommand(ports, localOptions(name, flags), await settingsOf(ports, flags, cluster));
    });
}

function addDiff(program: Command, ports: ProgramPorts): void {
  const parent = program.command("diff").description("compare a local directory with the cluster");
  localFlags(leaf(parent, kustomizationWords))
    .description("print what applying a local directory would change: exit code 0 nothing, 1 something, 2 an error")
    .option("--ignore-not-found", "the cluster need not have the Kustomization yet; needs --kustomization-file")
    .option("--live", "compare what the engine has from Git: needs no working tree, tells what has drifted")
    .addOption(new Option("--progress-bar", "there is none: the flag is taken for Flux's sake").hideHelp())
    .action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: LocalFlags & { readonly ignoreNotFound?: boolean; readonly live?: boolean } = self.optsWithGlobals();
      const connected = await ports.connect(flags);
      const { cluster } = requireOneCluster(connected);
      const options: DiffOptions = { ...localOptions(name, flags), ignoreNotFound: flags.ignoreNotFound ?? false };
      const settings = { ...(await settingsOf(ports, flags, cluster)), cluster, columns: connected.columns };
      if (flags.live !== true) await diffCommand(connected, options, settings);
      else if (flags.path === undefined && flags.kustomizationFile === undefined)
        await diffLive(connected, options, settings);
      else throw new CommandError("--live takes neither --path nor --kustomization-file", { exitCode: 2 });
    });
}

const localFlags = (command: Command): Command =>
  command
    .argument("[name]")
    .option("--path <directory>", "directory with the manifests")
    .option("--kustomization-file <file>", "file with the Flux Kustomization, in place of the cluster's")
    .option(
      "--ignore-paths <patterns>",
      "leave out these files, in the syntax of .gitignore, separated by commas",
      patterns,
    )
    .option("--strict-substitute", "fail on a variable that is not set and has no default")
    .option("-r, --recursive", "go on with the Kustomizations among the objects; needs --local-sources")
    .option(
      "--local-sources <list>",
      "directories of sources, as Kind/namespace/name=path, separated by commas",
      sources,
    )
    .addOption(new Option("--in-memory-build", "always so: nothing is written to the directory").hideHelp());

const localOptions = (name: string | undefined, flags: LocalFlags): LocalOptions => ({
  name,
  namespace: flags.namespace,
  path: flags.path ?? "",
  kustomizationFile: flags.kustomizationFile,
  recursive: flags.recursive ?? false,
});

async function settingsOf<T extends BuildSettings["cluster"]>(
  { buildTools, workingDirectory, signal }: ProgramPorts,
  flags: LocalFlags,
  cluster: T,
): Promise<BuildSettings & { readonly cluster: T }> {
  return {
    cluster,
    ignorePaths: flags.ignorePaths ?? [],
    strictSubstitute: flags.strictSubstitute ?? false,
    localSources: flags.localSources ?? new Map(),
    workingDirectory,
    tools: await buildTools(),
    signal,
  };
}

function addTree(program: Command, ports: ProgramPorts): void {
  const parent = program.command("tree").description("print what an object manages");
  leaf(parent, [["kustomization", "ks"]])
    .argument("[name]")
    .description("print the objects that a Kustomization applied, and those of Kustomizations and releases among them")
    .option("--compact", "Flux's objects only")
    .addOption(new Option("-o, --output <format>", "print the tree in this format").choices(["json", "yaml"]))
    .action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: Globals & { compact?: boolean; output?: "json" | "yaml" } = self.optsWithGlobals();
      const { namespace, compact = false, output } = flags;
      await treeKustomization(await ports.connect(flags), { namespace, name, compact, output });
    });
}

function addTrace(program: Command, ports: ProgramPorts): void {
  program
    .command("trace")
    .argument("[objects...]", "a kind and names, as deployment my-app; or pairs, as pod/a cm/b")
    .description("print who manages an object, from which source and revision, and how that went")
    .option("--kind <kind>", "kind of the object, with --api-version")
    .option("--api-version <version>", "API version of the object, such as apps/v1")
    .action(async (objects: readonly string[], _: unknown, self: Command) => {
      const flags: Globals & { kind?: string; apiVersion?: string } = self.optsWithGlobals();
      const { namespace, kind, apiVersion } = flags;
      await trace(await ports.connect(flags), { namespace, kind, apiVersion, arguments: objects });
    });
}

function addExport(program: Command, ports: ProgramPorts): void {
  const parent = program.command("export").description("print objects as manifests for a repository");
  for (const kind of fluxKinds) {
    const words = kind.words.map(([plural = "", singular, ...others]) =>
      singular === undefined ? [plural] : [singular, plural, ...others],
    );
    const command = leaf(parent, words)
      .argument("[name]")
      .description(`print ${kind.kind} objects`)
      .option("--all", "all objects of the namespace");
    if (kind.humanKind.startsWith("source "))
      command.option("--with-credentials", "print the Secret that it refers to as well");
    command.action(async (name: string | undefined, _: unknown, self: Command) => {
      const flags: Globals & { all?: boolean; withCredentials?: boolean } = self.optsWithGlobals();
      const { namespace, all = false, withCredentials = false } = flags;
      await exportObjects(await ports.connect(flags), kind, { namespace, name, all, withCredentials });
    });
  }
}

function addDebug(program: Command, ports: ProgramPorts): void {
  const parent = program.command("debug").description("look into an object");
  leaf(parent, kustomizationWords)
    .argument("<name>")
    .description("print the status, the history or the variables of a Kustomization; variables from Secrets too")
    .option("--show-status", "print the status")
    .option("--show-vars", "print the variables that are substituted, as KEY=value")
    .option("--show-history", "print the history of reconciliations")
    .action(async (name: string, _: unknown, self: Command) => {
      const flags: Globals & Partial<Pick<DebugOptions, "showStatus" | "showVars" | "showHistory">> =
        self.optsWithGlobals();
      const { namespace, showStatus = false, showVars = false, showHistory = false } = flags;
      await debugKustomization(await ports.connect(flags), { namespace, name, showStatus, showVars, showHistory });
    });
}

const patterns = (value: string, before: readonly string[] = []): readonly string[] => [...before, ...value.split(",")];

function sources(value: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const entries = value.split(",").map((pair) => {
    const [, source, path] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
    if (source === undefined || path === undefined)
      throw new InvalidArgumentError("expected Kind/namespace/name=path, as GitRepository/flux-system/fleet=..");
    return [source, path] as const;
  });
  return new Map([...before, ...entries]);
}
