/** `events`: Kubernetes events of Flux's objects, those of their sources included, oldest first. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { fieldAt, stringAt, toInteger } from "../../shared/health/fields.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { eachCluster } from "../each-cluster.ts";
import { humanDuration } from "../human-duration.ts";
import { findKind, type FluxKind } from "../kinds.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { createSay } from "../say.ts";
import { formatTable } from "../table.ts";
import { requireObject } from "../wait.ts";

export interface EventsOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  /** `Kustomization/apps` or `Kustomization`, in any case. */
  readonly for?: string;
  /** `Normal`, `Warning`, in any case; all when empty. */
  readonly types?: readonly string[];
}

interface Selection {
  readonly kind: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** @throws CommandError on a selector or a type that does not exist */
export async function events(ports: CliPorts, options: EventsOptions): Promise<void> {
  const { namespace, allNamespaces = false, types = [] } = options;
  for (const type of types)
    if (!["normal", "warning"].includes(type.toLowerCase()))
      throw new CommandError(`type '${type}' not supported. Supported types are Normal, Warning`);
  const target = options.for === undefined ? undefined : parseTarget(options.for);

  const { answers, requireAll } = await eachCluster(ports, async ({ cluster }) => {
    const references =
      target?.name === undefined ? [] : await referencesOf(cluster, target.kind, target.name, namespace);
    const found = await list(cluster, target, allNamespaces ? undefined : namespace);
    for (const reference of references) found.push(...(await list(cluster, reference, reference.namespace)));
    const isWanted = (event: KubeObject) => types.length === 0 || types.some((type) => equalFold(type, typeOf(event)));
    return { found: found.filter((event) => isFlux(event) && isWanted(event)).sort(byTime), references };
  });

  const withNamespace =
    allNamespaces || answers.some(({ value }) => value.references.some((found) => found.namespace !== namespace));
  const withCluster = ports.clusters.length > 1;
  const rows = answers.flatMap(({ cluster, value }) =>
    value.found.map((event) => [
      ...(withCluster ? [cluster.name] : []),
      ...(withNamespace ? [event.metadata.namespace ?? ""] : []),
      ...row(event, ports.clock.now()),
    ]),
  );
  if (rows.length > 0) ports.out(formatTable(headers(withCluster, withNamespace), rows));
  else createSay(ports).failure(allNamespaces ? "No events found." : `No events found in ${namespace} namespace.`);
  requireAll();
}

const headers = (withCluster: boolean, withNamespace: boolean): readonly string[] => [
  ...(withCluster ? ["Cluster"] : []),
  ...(withNamespace ? ["Namespace"] : []),
  ...["Last seen", "Type", "Reason", "Object", "Message"],
];

function parseTarget(selector: string): { readonly kind: FluxKind; readonly name?: string } {
  const [kindName = "", name, ...rest] = selector.split("/");
  if (kindName === "" || name === "" || rest.length > 0)
    throw new CommandError("--for selector must be of format <kind>[/<name>]");
  const kind = findKind(kindName);
  if (!kind) throw new CommandError(`'${kindName}' is not a recognized Flux kind`);
  return { kind, ...(name === undefined ? {} : { name }) };
}

/** What the object refers to; for a HelmRelease also the HelmChart made for it, beside its source. */
async function referencesOf(cluster: Cluster, kind: FluxKind, name: string, namespace: string) {
  if (!kind.reference) return [];
  const object = await requireObject(cluster, { apiVersion: kind.apiVersion, kind: kind.kind, namespace, name });
  const { path, kind: fixedKind = "", sameNamespace = false } = kind.reference;
  const at = (field: string, fallback: string) => stringAt(object, [...path, field], fallback);
  const there = sameNamespace ? namespace : at("namespace", namespace);
  const found: Selection & { readonly namespace: string } = {
    kind: at("kind", fixedKind),
    name: at("name", ""),
    namespace: there,
  };
  if (kind.kind !== "HelmRelease") return [found];
  return [found, { kind: "HelmChart", name: `${namespace}-${name}`, namespace: there }];
}

async function list(
  cluster: Cluster,
  target: Selection | { readonly kind: FluxKind; readonly name?: string } | undefined,
  namespace: string | undefined,
): Promise<KubeObject[]> {
  const kind = typeof target?.kind === "object" ? target.kind.kind : target?.kind;
  const selectors = [
    ...(kind === undefined ? [] : [`involvedObject.kind=${kind}`]),
    ...(target?.name === undefined ? [] : [`involvedObject.name=${target.name}`]),
  ];
  const { items } = await cluster.list("v1", "Event", {
    ...(namespace === undefined ? {} : { namespace }),
    ...(selectors.length > 0 ? { fieldSelector: selectors.join(",") } : {}),
  });
  return [...items];
}

const equalFold = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

const typeOf = (event: KubeObject) => stringAt(event, ["type"], "");

const isFlux = (event: KubeObject) => findKind(stringAt(event, ["involvedObject", "kind"], "")) !== undefined;

/** Milliseconds of the first of several times that is set; undefined when none is. */
function timeOf(event: KubeObject, ...paths: readonly (readonly string[])[]): number | undefined {
  for (const path of paths) {
    const time = Date.parse(stringAt(event, path, ""));
    if (!Number.isNaN(time)) return time;
  }
  return undefined;
}

const lastTime = (event: KubeObject) =>
  timeOf(event, ["series", "lastObservedTime"], ["lastTimestamp"], ["eventTime"]) ?? 0;

const byTime = (a: KubeObject, b: KubeObject): number => lastTime(a) - lastTime(b);

function row(event: KubeObject, now: number): readonly string[] {
  const involved = `${stringAt(event, ["involvedObject", "kind"], "")}/${stringAt(event, ["involvedObject", "name"], "")}`;
  return [
    lastSeen(event, now),
    typeOf(event),
    stringAt(event, ["reason"], ""),
    involved,
    stringAt(event, ["message"], ""),
  ];
}

/** `5m`, or `5m (x3 over 10m)` for an event that was counted. */
function lastSeen(event: KubeObject, now: number): string {
  const ago = (time: number | undefined) => (time === undefined ? "<unknown>" : humanDuration(now - time));
  const first = ago(timeOf(event, ["eventTime"], ["firstTimestamp"]));
  const series = toInteger(fieldAt(event, "series", "count"));
  if (series !== undefined) return `${ago(timeOf(event, ["series", "lastObservedTime"]))} (x${series} over ${first})`;
  const count = toInteger(fieldAt(event, "count")) ?? 1;
  return count > 1 ? `${ago(timeOf(event, ["lastTimestamp"]))} (x${count} over ${first})` : first;
}
