/** `debug kustomization`: status, history, or the variables that a Kustomization substitutes, Secrets included. */
import { isRecord } from "../../shared/api/schema.ts";
import { fieldAt } from "../../shared/health/fields.ts";
import { readVariables } from "../local-build/read-variables.ts";
import { refOfKustomization, toLocalKustomization } from "../local-build/read-kustomization.ts";
import { requireLive, requireOneCluster } from "../one-cluster.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { printGoYaml } from "../print/go-yaml.ts";

export interface DebugOptions {
  readonly namespace: string;
  readonly name: string;
  readonly showStatus: boolean;
  readonly showVars: boolean;
  readonly showHistory: boolean;
}

const documentation = "https://fluxcd.io/flux/components/kustomize/kustomizations/";

/** @throws CommandError unless exactly one thing is asked for */
export async function debugKustomization(ports: CliPorts, options: DebugOptions): Promise<void> {
  const { namespace, name, showStatus, showVars, showHistory } = options;
  if ([showStatus, showVars, showHistory].filter(Boolean).length !== 1)
    throw new CommandError("exactly one of --show-status, --show-vars, or --show-history must be set");
  const { cluster } = requireOneCluster(ports);
  const object = await requireLive(cluster, refOfKustomization(name, namespace), ports.signal);
  if (showStatus) {
    const status = isRecord(object.status) ? object.status : {};
    ports.out(`# Status documentation: ${documentation}#kustomization-status\n${printGoYaml(status)}`);
  } else if (showHistory) {
    const history = fieldAt(object, "status", "history");
    ports.out(`# History documentation: ${documentation}#history\n${printGoYaml(history ?? [])}`);
  } else {
    if (fieldAt(object, "spec", "postBuild") === undefined) throw new CommandError("no post build substitutions found");
    const { values, failure } = await readVariables(toLocalKustomization(object), cluster, ports.signal);
    if (failure !== undefined) throw new CommandError(failure);
    const lines = [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}\n`);
    ports.out(lines.join(""));
  }
}
