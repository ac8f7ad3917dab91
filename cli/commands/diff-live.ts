/** `diff kustomization <name> --live`: what an apply of what the engine has from Git would change, without a working tree. */
import { join } from "node:path";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { stringAt } from "../../shared/health/fields.ts";
import { clampToRoot } from "../../shared/render/tree-path.ts";
import { withArtifact } from "../local-build/fetch-artifact.ts";
import { refOfKustomization } from "../local-build/read-kustomization.ts";
import { refOfKind, requireLive } from "../one-cluster.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { createSay } from "../say.ts";
import { diffCommand, type DiffSettings } from "./diff.ts";

/** @throws CommandError with exit code 1 when something would change, 2 when that cannot be told */
export async function diffLive(
  ports: CliPorts,
  { name, namespace }: { readonly name: string | undefined; readonly namespace: string },
  settings: DiffSettings,
): Promise<void> {
  const { fetchArtifact } = ports;
  if (name === undefined) throw new CommandError("kustomization name is required", { exitCode: 2 });
  if (!fetchArtifact) throw new CommandError("artifacts cannot be fetched from here", { exitCode: 2 });
  const object = await requireLive(settings.cluster, refOfKustomization(name, namespace), ports.signal);
  const source = await requireSource(object, settings);
  await withArtifact(source, fetchArtifact, async ({ directory, revision }) => {
    const applied = stringAt(object, ["status", "lastAppliedRevision"], "");
    if (applied !== revision)
      createSay(ports).warning(`the source is at ${revision}, what was applied last is ${applied || "nothing"}`);
    const path = join(directory, clampToRoot(stringAt(object, ["spec", "path"], "")));
    const options = { name, namespace, path, recursive: false, ignoreNotFound: false };
    await diffCommand(ports, options, { ...settings, workingDirectory: directory });
  });
}

async function requireSource(object: KubeObject, { cluster, signal }: DiffSettings): Promise<KubeObject> {
  const at = (field: string) => stringAt(object, ["spec", "sourceRef", field], "");
  const namespace = at("namespace") || (object.metadata.namespace ?? "");
  const ref = refOfKind(at("kind"), namespace, at("name"));
  if (!ref) throw new CommandError(`cannot read a source of kind ${at("kind")}`, { exitCode: 2 });
  return await requireLive(cluster, ref, signal);
}
