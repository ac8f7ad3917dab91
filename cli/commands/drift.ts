/** `drift`: what differs from Git in the clusters, field by field: the engine's own record, which costs no cluster a request. */
import { stringify } from "yaml";

import { type KubeObject, subjectOf } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import type { DriftedField, DriftedObject, DriftRecord } from "../../shared/drift/record.ts";
import { findStanding, type StandingReason } from "../../shared/drift/standing.ts";
import { refOfId } from "../../shared/inventory/id.ts";
import { parseKey } from "../../shared/lease/message.ts";
import { rfc3339 } from "../../shared/runtime/clock.ts";
import { eachCluster } from "../each-cluster.ts";
import { humanDuration } from "../human-duration.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";
import { formatTable } from "../table.ts";

export interface DriftOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  /** Of one Kustomization. */
  readonly name?: string;
  /** Only objects of this kind. */
  readonly kind?: string;
  /** Also what was lately corrected, put back or forgotten. */
  readonly history?: boolean;
  readonly output?: "json" | "yaml";
  /** Drift that stands ends the program with 1. */
  readonly exitCode?: boolean;
}

/** One object that differs, or lately did. */
interface Finding {
  readonly cluster: string;
  readonly namespace: string;
  readonly kustomization: string;
  readonly object: string;
  readonly kind: DriftedObject["kind"] | undefined;
  readonly fields: readonly DriftedField[];
  readonly more: number;
  /** RFC 3339. */
  readonly since: string | undefined;
  /** What is or was done about it. */
  readonly action: string;
  readonly isStanding: boolean;
}

const actions: Readonly<Record<StandingReason, string>> = {
  DriftWarned: "warn",
  DriftAwaitsApproval: "awaits approval",
  DriftAwaitsInterval: "awaits interval",
  DriftSnoozed: "snoozed",
  DriftFlapping: "flapping",
  DriftCorrectionFailed: "correction failed",
};

/** @throws CommandError with exit code 1 for drift that stands, where that was asked for */
export async function drift(ports: CliPorts, options: DriftOptions): Promise<void> {
  const { answers, requireAll } = await eachCluster(ports, (named) => findIn(ports, named, options));
  const findings = answers.flatMap(({ value }) => value);
  print(ports, findings, options);
  requireAll();
  const standing = findings.filter(({ isStanding }) => isStanding).length;
  if (options.exitCode === true && standing > 0)
    throw new CommandError(`${standing} ${standing === 1 ? "object differs" : "objects differ"} from Git`, {
      severity: "warning",
    });
}

async function findIn(ports: CliPorts, named: NamedCluster, options: DriftOptions): Promise<readonly Finding[]> {
  if (!ports.drifts) return findInCluster(ports, named, options);
  const stored = await ports.drifts(named.name);
  return stored.flatMap(({ key, record }) => {
    const self = parseKey(key);
    if (!self || !isMeant(self, options)) return [];
    const of = { cluster: named.name, namespace: self.namespace, kustomization: self.name };
    return findingsOf(record, ports.clock.now(), options).map((finding) => ({ ...of, ...finding }));
  });
}

const isMeant = (of: { namespace: string; name: string }, { namespace, allNamespaces, name }: DriftOptions): boolean =>
  (allNamespaces === true || of.namespace === namespace) && (name === undefined || of.name === name);

function findingsOf(
  { standing, past }: DriftRecord,
  now: number,
  { kind, history = false }: DriftOptions,
): readonly Omit<Finding, "cluster" | "namespace" | "kustomization">[] {
  const isWanted = (object: DriftedObject) =>
    kind === undefined || refOfId(object).kind.toLowerCase() === kind.toLowerCase();
  const told = (object: DriftedObject, action: string, isStanding: boolean) => ({
    object: subjectOf(refOfId(object)),
    kind: object.kind,
    fields: object.fields,
    more: object.more ?? 0,
    since: rfc3339(object.since),
    action,
    isStanding,
  });
  return [
    ...standing.filter(isWanted).map((object) => told(object, actions[object.reason], true)),
    ...(history ? past : [])
      .filter(isWanted)
      .map((object) => told(object, `${object.end} ${humanDuration(now - object.at)} ago`, false)),
  ];
}

/** Whoever does not reach the engine's table still sees which Kustomizations have drifted, in their own words. */
async function findInCluster(ports: CliPorts, named: NamedCluster, options: DriftOptions): Promise<readonly Finding[]> {
  if (options.history === true || options.kind !== undefined)
    throw new CommandError(
      "--history and --kind need the engine's records: set DRIFTLESS_TABLE, with credentials that may read it",
    );
  createSay(ports, named).warning(
    "the engine's records cannot be read from here (DRIFTLESS_TABLE): no values are shown",
  );
  const { items } = await named.cluster.list(kustomizationApiVersion, kustomizationKind, {
    ...(options.allNamespaces === true ? {} : { namespace: options.namespace }),
    ...(ports.signal ? { signal: ports.signal } : {}),
  });
  return items
    .filter(({ metadata: { name, namespace = "" } }) => isMeant({ name, namespace }, options))
    .flatMap((object) => findingOf(named.name, object));
}

function findingOf(cluster: string, object: KubeObject): readonly Finding[] {
  const standing = findStanding(object);
  const { name, namespace = "" } = object.metadata;
  if (!standing) return [];
  const of = {
    cluster,
    namespace,
    kustomization: name,
    object: standing.message,
    kind: undefined,
    fields: [],
    more: 0,
  };
  return [{ ...of, since: undefined, action: actions[standing.reason], isStanding: true }];
}

function print(ports: CliPorts, findings: readonly Finding[], options: DriftOptions): void {
  const { output, allNamespaces = false } = options;
  const document = findings.map(({ isStanding: standing, ...finding }) => ({ ...finding, standing }));
  if (output === "json") ports.out(`${JSON.stringify(document, undefined, 2)}\n`);
  else if (output === "yaml") ports.out(stringify(document));
  else if (findings.length === 0) createSay(ports).success("nothing differs from Git");
  else ports.out(tableOf(findings, { now: ports.clock.now(), withCluster: ports.clusters.length > 1, allNamespaces }));
}

function tableOf(
  findings: readonly Finding[],
  { now, withCluster, allNamespaces }: { now: number; withCluster: boolean; allNamespaces: boolean },
): string {
  const header = ["Kustomization", "Object", "Field", "Git", "Live", "Manager", "Since", "Action"];
  const rows = findings.flatMap((finding) =>
    rowsOf(finding, now).map((row) => [
      ...(withCluster ? [finding.cluster] : []),
      ...(allNamespaces ? [finding.namespace] : []),
      finding.kustomization,
      ...row,
    ]),
  );
  const prefix = [...(withCluster ? ["Cluster"] : []), ...(allNamespaces ? ["Namespace"] : [])];
  return formatTable([...prefix, ...header], rows);
}

const none = "-";

function rowsOf(finding: Finding, now: number): readonly (readonly string[])[] {
  const { object, kind, fields, more, since, action } = finding;
  const age = since === undefined ? none : humanDuration(now - Date.parse(since));
  const row = (...cells: readonly string[]) => [object, ...cells, age, action];
  if (kind === "deleted") return [row("(deleted)", none, none, none)];
  if (kind === undefined) return [row(none, none, none, none)];
  const rows = fields.map(({ pointer, git, live, manager = none }) =>
    row(pointer === "" ? "(owner)" : pointer, shown(git), shown(live), manager),
  );
  return more > 0 ? [...rows, row(`(${more} more)`, none, none, none)] : rows;
}

const widest = 40;

function shown(value: string | null): string {
  if (value === null) return none;
  const line = value.replace(/\s+/gu, " ");
  return line.length > widest ? `${line.slice(0, widest - 1)}…` : line;
}
