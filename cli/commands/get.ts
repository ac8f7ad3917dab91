/** `get`: tables of Flux's objects in Flux's columns, over all clusters of the fleet. */
import { stringify as printExact } from "lossless-json";
import { parse, stringify } from "yaml";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { conditionsOf } from "../../shared/health/fields.ts";
import { KubeError, type ListOptions } from "../../shared/kubernetes/cluster.ts";
import { printJson } from "../../shared/kubernetes/json.ts";
import { eachCluster, type Answer } from "../each-cluster.ts";
import type { FluxKind } from "../kinds.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { createSay } from "../say.ts";
import { formatTable } from "../table.ts";

export interface GetOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly name?: string;
  /** Label selector in Kubernetes' syntax. */
  readonly labelSelector?: string;
  /** `ready=false` or `ready!=true`. */
  readonly statusSelector?: string;
  readonly header?: boolean;
  readonly showSource?: boolean;
  readonly output?: "json" | "yaml";
}

type Items = readonly Answer<readonly KubeObject[]>[];

/** Objects of one kind. @throws CommandError when there are none, or the selector has a wrong form */
export async function get(ports: CliPorts, kind: FluxKind, options: GetOptions): Promise<void> {
  const matches = parseStatusSelector(options.statusSelector);
  const { answers, requireAll } = await eachCluster(ports, ({ cluster }) => list(cluster, kind, options, ports.signal));
  if (answers.length > 0 && count(answers) === 0) throw new CommandError(describeAbsence(kind, options));
  print(ports, [[kind, select(answers, matches)]], options);
  requireAll();
}

/** Objects of several kinds, a block for each that has any; kinds that a cluster does not serve are passed over. */
export async function getAll(ports: CliPorts, kinds: readonly FluxKind[], options: GetOptions): Promise<void> {
  const matches = parseStatusSelector(options.statusSelector);
  const blocks: [FluxKind, Items][] = [];
  const checks: (() => void)[] = [];
  for (const kind of kinds) {
    const { answers, requireAll } = await eachCluster(ports, async ({ cluster }) => {
      try {
        return await list(cluster, kind, options, ports.signal);
      } catch (error) {
        if (error instanceof KubeError && error.reason === "NoMatch") return [];
        throw error;
      }
    });
    const selected = select(answers, matches);
    if (count(selected) > 0) blocks.push([kind, selected]);
    checks.push(requireAll);
  }
  print(ports, blocks, options, true);
  for (const requireAll of checks) requireAll();
}

async function list(
  cluster: CliPorts["clusters"][number]["cluster"],
  { apiVersion, kind }: FluxKind,
  { namespace, allNamespaces = false, name, labelSelector }: GetOptions,
  signal: AbortSignal | undefined,
): Promise<readonly KubeObject[]> {
  const options: ListOptions = {
    ...(allNamespaces ? {} : { namespace }),
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(signal ? { signal } : {}),
  };
  const { items } = await cluster.list(apiVersion, kind, options);
  return items;
}

const count = (answers: Items): number => answers.reduce((sum, { value }) => sum + value.length, 0);

const select = (answers: Items, matches: (object: KubeObject) => boolean): Items =>
  answers.map(({ cluster, value }) => ({ cluster, value: value.filter(matches) }));

function parseStatusSelector(selector: string | undefined): (object: KubeObject) => boolean {
  if (selector === undefined) return () => true;
  const negated = selector.includes("!=");
  const at = selector.indexOf(negated ? "!=" : "=");
  if (at < 0)
    throw new CommandError(`expected status selector in type=status or type!=status format, but found: ${selector}`);
  const type = selector.slice(0, at).toLowerCase();
  const status = selector.slice(at + (negated ? 2 : 1)).toLowerCase();
  return (object) => {
    const found = conditionsOf(object).findLast((condition) => condition.type.toLowerCase() === type);
    return (found?.status.toLowerCase() === status) !== negated;
  };
}

function describeAbsence({ kind }: FluxKind, { name, namespace, allNamespaces }: GetOptions): string {
  const place = allNamespaces ? "any" : `"${namespace}"`;
  return name === undefined
    ? `no ${kind} objects found in ${place} namespace`
    : `${kind} object '${name}' not found in ${place} namespace`;
}

function print(
  ports: CliPorts,
  blocks: readonly (readonly [FluxKind, Items])[],
  options: GetOptions,
  withKind = false,
): void {
  if (options.output) {
    ports.out(document(blocks, ports.clusters.length > 1, options.output));
    return;
  }
  for (const [kind, answers] of blocks) ports.out(table(kind, answers, ports.clusters.length > 1, options, withKind));
  if (withKind && blocks.length === 0 && !options.statusSelector) createSay(ports).failure("no Flux objects found");
}

function table(kind: FluxKind, answers: Items, withCluster: boolean, options: GetOptions, withKind: boolean): string {
  const { allNamespaces = false, header = true, showSource = false } = options;
  const columns = kind.columns.filter(({ option }) => option === undefined || showSource);
  const titles = [
    ...(withCluster ? ["Cluster"] : []),
    ...(allNamespaces ? ["Namespace"] : []),
    "Name",
    ...columns.map((column) => column.header),
  ];
  const rows = answers.flatMap(({ cluster, value }) =>
    value.map((object) => [
      ...(withCluster ? [cluster.name] : []),
      ...(allNamespaces ? [object.metadata.namespace ?? ""] : []),
      `${withKind ? `${kind.kind.toLowerCase()}/` : ""}${object.metadata.name}`,
      ...columns.map((column) => column.value(object)),
    ]),
  );
  return formatTable(header ? titles : [], rows) + (withKind ? "\n" : "");
}

/** A List as kubectl prints it; with several clusters each item says its own. */
function document(blocks: readonly (readonly [FluxKind, Items])[], withCluster: boolean, output: "json" | "yaml") {
  const items = blocks.flatMap(([, answers]) =>
    answers.flatMap(({ cluster, value }) =>
      value.map((object) => ({ ...(withCluster ? { cluster: cluster.name } : {}), ...withoutManagedFields(object) })),
    ),
  );
  const document = { apiVersion: "v1", kind: "List", items };
  // Numbers that a double cannot hold keep all their digits.
  const exact: unknown = parse(printJson(document), { intAsBigInt: true });
  return output === "json" ? `${printExact(exact, undefined, 2) ?? ""}\n` : stringify(exact, { version: "1.1" });
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
