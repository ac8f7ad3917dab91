/** `build kustomization`: what a local directory would become in the cluster, on standard output. */
import { statSync } from "node:fs";
import { resolve } from "node:path";

import { RenderError } from "../../shared/render/protocol.ts";
import { ReconcileError } from "../../shared/runtime/reconcile-error.ts";
import { buildRecursively, buildKustomization, type BuildSettings } from "../local-build/build-kustomization.ts";
import { requireKustomizationFile } from "../local-build/read-kustomization.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { printGoYaml } from "../print/go-yaml.ts";

/** What `build` and `diff` have in common. */
export interface LocalOptions {
  readonly namespace: string;
  readonly name: string | undefined;
  readonly path: string;
  readonly kustomizationFile?: string | undefined;
  readonly recursive: boolean;
}

/** @throws CommandError for what is wrong with the arguments, the files or the cluster */
export async function buildCommand(
  ports: Pick<CliPorts, "out">,
  options: LocalOptions,
  settings: BuildSettings,
): Promise<void> {
  const target = requireTarget(options, settings);
  if (!settings.cluster && options.kustomizationFile === undefined)
    throw new CommandError("dry-run mode requires a kustomization file");
  const objects = await explained(async () =>
    options.recursive ? buildRecursively(target, settings) : (await buildKustomization(target, settings)).objects,
  );
  ports.out(objects.map((object) => `${printGoYaml(object)}---\n`).join(""));
}

/**
 * @param shown the directory in messages, its absolute path by default
 * @throws CommandError in Flux's words
 */
export function requireTarget(
  options: LocalOptions,
  { workingDirectory }: Pick<BuildSettings, "workingDirectory">,
  shown = options.path === "" ? "" : resolve(workingDirectory, options.path),
) {
  const { name, namespace, path, kustomizationFile } = options;
  if (name === undefined) throw new CommandError("kustomization name is required");
  const directory = resolve(workingDirectory, path);
  if (path === "" || !statSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new CommandError(`invalid resource path "${shown}"`);
  if (kustomizationFile === undefined) return { name, namespace, directory };
  const file = resolve(workingDirectory, kustomizationFile);
  requireKustomizationFile(file, kustomizationFile);
  return { name, namespace, directory, file };
}

/** What the builder refuses is for the user to read, not a defect. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RenderError || error instanceof ReconcileError) throw new CommandError(error.message);
    throw error;
  }
}
