/** The report of `trace`: blocks of titles and values, aligned as Flux aligns each of them. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { fieldAt, stringAt } from "../../shared/health/fields.ts";
import { printGoTime } from "../go-time.ts";
import { readyOf } from "../wait.ts";

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

export type Find = (kind: string, ref: Named) => Promise<KubeObject>;

/** Lines of a block; those without a value are left out. */
type Lines = readonly (readonly [title: string, value: string | undefined])[];

const printBlocks = (blocks: readonly Lines[], width: number): string => {
  const lines = blocks.map((block) =>
    block
      .filter((line): line is readonly [string, string] => line[1] !== undefined)
      .map(([title, value]) => `${`${title}:`.padEnd(width)}${value}\n`)
      .join(""),
  );
  return `\n${lines.join("---\n")}`;
};

const headOf = ({ kind, metadata }: KubeObject): Lines => [
  ["Object", `${kind}/${metadata.name}`],
  ["Namespace", metadata.namespace],
  ["Status", "Managed by Flux"],
];

const wide = 17;
const narrow = 16;

export async function traceKustomization(object: KubeObject, kustomization: KubeObject, find: Find): Promise<string> {
  const { kind, ...ref } = referenceOf(kustomization, ["spec", "sourceRef"]);
  const source = kind === "GitRepository" || kind === "OCIRepository" ? await find(kind, ref) : undefined;
  const block: Lines = [
    ["Kustomization", kustomization.metadata.name],
    ["Namespace", kustomization.metadata.namespace],
    ["Target", text(kustomization, "spec", "targetNamespace")],
    ["Path", stringAt(kustomization, ["spec", "path"], "")],
    ["Revision", stringAt(kustomization, ["status", "lastAppliedRevision"], "")],
    ...conditionOf(kustomization),
  ];
  return printBlocks(
    [headOf(object), block, ...(source ? [sourceBlock(source, { tellsFailure: true, tellsOrigin: true })] : [])],
    wide,
  );
}

export async function traceRelease(object: KubeObject, release: KubeObject, find: Find): Promise<string> {
  const chartName = stringAt(release, ["status", "helmChart"], "");
  const [chartNamespace = "", name = ""] = chartName.split("/");
  const chart = chartName === "" ? undefined : await find("HelmChart", { namespace: chartNamespace, name });
  const hasChart = fieldAt(release, "spec", "chart") !== undefined;
  const { kind, ...ref } = referenceOf(
    release,
    hasChart ? ["spec", "chart", "spec", "sourceRef"] : ["spec", "chartRef"],
  );
  const kinds = hasChart ? ["GitRepository", "HelmRepository"] : ["OCIRepository", "ExternalArtifact"];
  const source = kinds.includes(kind) ? await find(kind, ref) : undefined;
  const block: Lines = [
    ["HelmRelease", release.metadata.name],
    ["Namespace", release.metadata.namespace],
    ["Target", text(release, "spec", "targetNamespace")],
    ["Revision", stringAt(release, ["status", "lastAttemptedRevision"], "")],
    ...conditionOf(release),
  ];
  const upper = printBlocks([headOf(object), block, ...(chart ? [chartBlock(chart)] : [])], narrow);
  if (!source) return upper;
  // Flux aligns each kind of source by itself.
  const width = kind === "HelmRepository" ? narrow : kind === "GitRepository" ? narrow - 1 : wide;
  return `${upper}---\n${printBlocks([sourceBlock(source, { tellsFailure: kind !== "HelmRepository", tellsOrigin: false })], width).slice(1)}`;
}

function referenceOf(object: KubeObject, path: readonly string[]): Named & { readonly kind: string } {
  const at = (field: string, fallback: string) => stringAt(object, [...path, field], fallback);
  return {
    kind: at("kind", ""),
    name: at("name", ""),
    namespace: at("namespace", "") || (object.metadata.namespace ?? ""),
  };
}

const chartBlock = (chart: KubeObject): Lines => [
  ["HelmChart", chart.metadata.name],
  ["Namespace", chart.metadata.namespace],
  ["Chart", stringAt(chart, ["spec", "chart"], "")],
  ["Version", stringAt(chart, ["spec", "version"], "")],
  ["Revision", text(chart, "status", "artifact", "revision")],
  ...conditionOf(chart),
];

/** Flux words a failed fetch differently for some kinds, and tells an origin only for Kustomizations. */
function sourceBlock(
  source: KubeObject,
  { tellsFailure, tellsOrigin }: { readonly tellsFailure: boolean; readonly tellsOrigin: boolean },
): Lines {
  const { kind, metadata } = source;
  const origin = tellsOrigin ? fieldAt(source, "status", "artifact", "metadata") : undefined;
  const isArtifact = kind === "ExternalArtifact";
  return [
    [kind, metadata.name],
    ["Namespace", metadata.namespace],
    ...(isArtifact
      ? ([["Source", originOf(source)]] as const)
      : ([["URL", stringAt(source, ["spec", "url"], "")]] as const)),
    ...referenceLine(source),
    ["Revision", text(source, "status", "artifact", "revision")],
    ["Origin Revision", text(origin, "org.opencontainers.image.revision")],
    ["Origin Source", text(origin, "org.opencontainers.image.source")],
    ...conditionOf(source, tellsFailure),
  ];
}

function originOf(artifact: KubeObject): string {
  const at = (field: string) => stringAt(artifact, ["spec", "sourceRef", field], "");
  return `${at("kind")}/${at("namespace")}/${at("name")}`;
}

function referenceLine(source: KubeObject): Lines {
  const at = (field: string) => text(source, "spec", "ref", field);
  const [tag, last] = [at("tag") ?? at("semver"), source.kind === "GitRepository" ? "branch" : "digest"];
  return tag === undefined ? [[last === "branch" ? "Branch" : "Digest", at(last)]] : [["Tag", tag]];
}

function conditionOf(object: KubeObject, tellsFailure = false): Lines {
  const ready = readyOf(object);
  if (!ready) return [["Status", "Unknown"]];
  const conditions = fieldAt(object, "status", "conditions");
  const found: unknown = (Array.isArray(conditions) ? (conditions as readonly unknown[]) : []).find(
    (condition) => stringAt(condition, ["type"], "") === "Ready",
  );
  const time = printGoTime(stringAt(found, ["lastTransitionTime"], ""));
  const words = tellsFailure && ready.status === "False" ? "Last reconciliation failed at" : "Last reconciled at";
  return [
    ["Status", `${words} ${time}`],
    ["Message", ready.message],
  ];
}

/** Undefined when it is empty too. */
const text = (object: unknown, ...path: readonly string[]): string | undefined =>
  stringAt(object, path, "") || undefined;
