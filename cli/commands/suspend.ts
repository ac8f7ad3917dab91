/** `suspend`: sets `spec.suspend`, after which the engine leaves the object alone, its deletion included. */
import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { eachCluster } from "../each-cluster.ts";
import type { FluxKind } from "../kinds.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";

export interface SuspendOptions {
  readonly namespace: string;
  readonly names: readonly string[];
  /** All of the namespace, when no name is given. */
  readonly all?: boolean;
}

/**
 * As with Flux, a name that does not exist is reported and is no error, here as long as one cluster has it.
 * @throws CommandError when neither a name nor `all` is given
 */
export async function suspend(ports: CliPorts, kind: FluxKind, options: SuspendOptions): Promise<void> {
  requireNames(kind, options);
  const { answers, requireAll } = await eachCluster(ports, async (named) => {
    const { found, absent } = await find(ports, named, kind, options);
    for (const object of found) await suspendOne(ports, named, kind, object);
    return absent;
  });
  for (const name of absentEverywhere(answers.map(({ value }) => value)))
    createSay(ports).failure(`${kind.kind} ${name} not found in ${options.namespace} namespace`);
  requireAll();
}

async function suspendOne(ports: CliPorts, named: NamedCluster, kind: FluxKind, object: KubeObject): Promise<void> {
  const say = createSay(ports, named);
  const { name, namespace = "" } = object.metadata;
  say.action(`suspending ${kind.humanKind} ${name} in ${namespace} namespace`);
  await named.cluster.mergePatch(refTo(kind, object), { spec: { suspend: true } }, { fieldManager: "flux" });
  say.success(`${kind.humanKind} suspended`);
}

export function requireNames({ humanKind }: FluxKind, { names, all = false }: SuspendOptions): void {
  if (names.length === 0 && !all) throw new CommandError(`${humanKind} name is required`);
}

export const refTo = (
  { apiVersion, kind }: FluxKind,
  { metadata: { name, namespace = "" } }: KubeObject,
): ObjectRef => ({
  apiVersion,
  kind,
  namespace,
  name,
});

/** The named objects of one cluster, or all of the namespace, and the names that it does not have. */
export async function find(
  { signal }: CliPorts,
  { cluster }: NamedCluster,
  { apiVersion, kind }: FluxKind,
  { namespace, names }: SuspendOptions,
): Promise<{ readonly found: readonly KubeObject[]; readonly absent: readonly string[] }> {
  const { items } = await cluster.list(apiVersion, kind, { namespace, ...(signal ? { signal } : {}) });
  if (names.length === 0) return { found: items, absent: items.length === 0 ? ["objects"] : [] };
  const wanted = [...new Set(names)];
  const byName = new Map(items.map((object) => [object.metadata.name, object]));
  return {
    found: wanted.flatMap((name) => byName.get(name) ?? []),
    absent: wanted.filter((name) => !byName.has(name)),
  };
}

export function absentEverywhere(absent: readonly (readonly string[])[]): readonly string[] {
  const [first = [], ...others] = absent;
  return first.filter((name) => others.every((names) => names.includes(name)));
}
