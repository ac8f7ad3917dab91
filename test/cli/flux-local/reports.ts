/** What flux-local prints of a cluster, worked out from our builds of its Kustomizations. */
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { isRecord } from "../../../shared/api/schema.ts";
import type { BuiltKustomization } from "./clusters.ts";

export interface Options {
  readonly path: string;
  /** Undefined: of all namespaces. */
  readonly namespace: string | undefined;
  readonly wide: boolean;
  readonly structured: boolean;
  readonly images: boolean;
  readonly secrets: boolean;
  readonly selector: string | undefined;
  /** Names of sources that are known by a directory; undefined: the repository itself alone. */
  readonly sources: readonly string[] | undefined;
}

export interface Arguments extends Options {
  readonly command: string;
  readonly name: string | undefined;
}

const withValue = new Set(["--path", "-n", "--namespace", "-o", "--output", "--sources", "-l", "-a"]);

export function readArguments([verb, noun, ...rest]: readonly string[]): Arguments {
  const positional: string[] = [];
  const flags = new Map<string, string>();
  const words = rest.flatMap((word) => (word.startsWith("--") && word.includes("=") ? split(word) : [word]));
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith("-")) positional.push(word);
    else flags.set(word, withValue.has(word) ? (words.shift() ?? "") : "");
  }
  const isEverywhere = ["-A", "--all-namespaces", "--all"].some((flag) => flags.has(flag));
  const output = flags.get("-o") ?? flags.get("--output");
  const path = flags.get("--path") ?? positional.pop() ?? "";
  return {
    command: `${verb} ${noun}`,
    name: positional[0],
    path: path.replace(/\/$/, ""),
    namespace: isEverywhere ? undefined : (flags.get("-n") ?? "flux-system"),
    wide: output === "wide",
    structured: output === "yaml" || output === "json",
    images: flags.has("--enable-images"),
    secrets: flags.has("--no-skip-secrets"),
    selector: flags.get("-l"),
    sources: flags
      .get("--sources")
      ?.split(",")
      .map((source) => source.replace(/=.*/, "")),
  };
}

const split = (word: string): readonly string[] => [
  word.slice(0, word.indexOf("=")),
  word.slice(word.indexOf("=") + 1),
];

/** Those that flux-local knows: of a source with a directory. */
const known = (built: readonly BuiltKustomization[], { namespace, sources }: Options): readonly BuiltKustomization[] =>
  built
    .filter(({ isOfRepository, source }) => (sources ? sources.includes(source) : isOfRepository))
    .filter((kustomization) => namespace === undefined || kustomization.namespace === namespace);

const ofKind = (kind: string, objects: readonly KubeObject[] = []) => objects.filter((object) => object.kind === kind);

type Table = readonly (readonly string[])[];

const sorted = (rows: Table): Table => [...rows].sort((a, b) => (a.join(" ") < b.join(" ") ? -1 : 1));

/** @param isNew `ks-new` lists what is in the objects, with their words */
export function kustomizationTable(built: readonly BuiltKustomization[], options: Options, isNew: boolean): Table {
  const header = ["NAME", "PATH", ...(options.wide ? ["HELMREPOS", "OCIREPOS", "RELEASES"] : [])];
  const rows = (isNew ? built : known(built, options)).map(({ name, namespace, path, directory = "", objects }) => {
    const counts = ["HelmRepository", "OCIRepository", "HelmRelease"].map((kind) => `${ofKind(kind, objects).length}`);
    const cells = [name, isNew ? path : directory, ...(options.wide ? counts : [])];
    return options.namespace === undefined ? [namespace, ...cells] : cells;
  });
  return [options.namespace === undefined ? ["NAMESPACE", ...header] : header, ...sorted(rows)];
}

interface Chart {
  readonly name: string;
  readonly repo_name: string;
  readonly repo_namespace: string;
  readonly repo_kind: string;
  readonly version: string | undefined;
}

const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const specOf = (object: KubeObject) => record(object.spec);

/** The chart of a HelmRelease, through a HelmChart where there is one. */
function chartOf(release: KubeObject, all: readonly KubeObject[]): Chart {
  const { chart, chartRef } = specOf(release);
  const { namespace } = release.metadata;
  if (isRecord(chart)) return chartOfSpec(record(chart.spec), namespace);
  const { kind, name, namespace: refNamespace = namespace } = record(chartRef);
  const helmChart = all.find((object) => object.kind === kind && kind === "HelmChart" && object.metadata.name === name);
  if (helmChart) return chartOfSpec(specOf(helmChart), helmChart.metadata.namespace);
  const own = text(name) ?? "";
  return {
    name: own,
    repo_name: own,
    repo_namespace: text(refNamespace) ?? "",
    repo_kind: text(kind) ?? "",
    version: undefined,
  };
}

function chartOfSpec({ chart, version, sourceRef }: Readonly<Record<string, unknown>>, own: string | undefined): Chart {
  const { kind, name, namespace = own } = record(sourceRef);
  return {
    name: text(chart) ?? "",
    repo_name: text(name) ?? "",
    repo_namespace: text(namespace) ?? "",
    repo_kind: text(kind) ?? "",
    version: text(version),
  };
}

export function releaseTable(built: readonly BuiltKustomization[], name: string | undefined, options: Options): Table {
  const ofSources = known(built, { ...options, namespace: undefined });
  const all = ofSources.flatMap(({ objects = [] }) => objects);
  const [key = "", value] = options.selector?.split("=") ?? [];
  const rows = ofKind("HelmRelease", all)
    .filter(({ metadata }) => options.namespace === undefined || metadata.namespace === options.namespace)
    .filter(({ metadata }) => name === undefined || metadata.name === name)
    .filter(({ metadata }) => value === undefined || metadata.labels?.[key] === value)
    .map((release) => {
      const { name: own, namespace = "" } = release.metadata;
      const chart = chartOf(release, all);
      const cells = [own, chart.version ?? "None", `${namespace}-${chart.name}`, chart.repo_name];
      return options.namespace === undefined ? [namespace, ...cells] : cells;
    });
  const header = ["NAME", "REVISION", "CHART", "SOURCE"];
  if (rows.length === 0) return [["no HelmRelease objects found in cluster"]];
  return [options.namespace === undefined ? ["NAMESPACE", ...header] : header, ...sorted(rows)];
}

/** The table of `get cluster`, or its report as data. */
export function clusterReport(built: readonly BuiltKustomization[], options: Options): unknown {
  const found = known(built, options);
  if (!options.structured)
    return [
      ["PATH", "KUSTOMIZATIONS"],
      [options.path, `${found.length}`],
    ];
  const byName = [...found].sort((a, b) => (a.name < b.name ? -1 : 1));
  const all = found.flatMap(({ objects = [] }) => objects);
  return {
    clusters: [{ path: options.path, kustomizations: byName.map((entry) => kustomizationReport(entry, all, options)) }],
  };
}

function kustomizationReport(
  { name, namespace, directory, objects = [] }: BuiltKustomization,
  all: readonly KubeObject[],
  { images, secrets }: Options,
) {
  const idsOf = (kind: string) => ofKind(kind, objects).map(idOf);
  const own = images ? imagesOf(objects) : [];
  return {
    name,
    namespace,
    path: directory,
    helm_repos: ofKind("HelmRepository", objects).map((repository) => {
      const { url, type = "default" } = specOf(repository);
      return { ...idOf(repository), url, repo_type: type };
    }),
    oci_repos: ofKind("OCIRepository", objects).map((repository) => {
      const { url, ref, secretRef } = specOf(repository);
      return { ...idOf(repository), url, ref, ...(secretRef ? { secret_ref: secretRef } : {}) };
    }),
    helm_releases: ofKind("HelmRelease", objects).map((release) => {
      const { version: _, ...chart } = chartOf(release, all);
      return { ...idOf(release), chart };
    }),
    config_maps: idsOf("ConfigMap"),
    secrets: secrets ? idsOf("Secret") : [],
    helm_chart_sources: [],
    ...(own.length > 0 ? { images: own } : {}),
  };
}

const idOf = ({ metadata: { name, namespace } }: KubeObject) => ({ name, namespace });

/** Values of fields that hold an image, HelmReleases left out: theirs come from charts. */
function imagesOf(objects: readonly KubeObject[]): readonly string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isRecord(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      if (["image", "imageName", "reference"].includes(key) && typeof inner === "string") found.add(inner);
      else visit(inner);
    }
  };
  objects.filter(({ kind }) => kind !== "HelmRelease").forEach(visit);
  return [...found].sort();
}

const ownerLabel = "kustomize.toolkit.fluxcd.io/name";
const indexes = ["config.kubernetes.io/index", "internal.config.kubernetes.io/index"];

/** One object as flux-local shows it, with its place in the build of its Kustomization. */
export interface Shown {
  readonly owner: string;
  readonly index: number | undefined;
  readonly object: KubeObject;
}

/** flux-local leaves out Secrets unless it is told not to, and definitions. */
const isShown = ({ kind }: KubeObject, { secrets }: Options) =>
  kind !== "CustomResourceDefinition" && (secrets || kind !== "Secret");

/** @param withPlaces `ks-new` does not show them */
export function shownByUs(
  built: readonly BuiltKustomization[],
  options: Options,
  withPlaces: boolean,
): readonly Shown[] {
  const shown = known(built, { ...options, namespace: undefined }).flatMap(({ name, objects = [] }) =>
    objects.map((object, index) => ({ owner: name, index: withPlaces ? index : undefined, object })),
  );
  return byOwner(shown.filter(({ object }) => isShown(object, options)));
}

/** Without what comes from charts, which bears no owner. */
export function shownByThem(objects: readonly KubeObject[]): readonly Shown[] {
  const owned = objects.filter(({ metadata }) => metadata.labels?.[ownerLabel] !== undefined);
  return byOwner(
    owned.map((object) => {
      const { annotations = {}, ...metadata } = object.metadata;
      const index = annotations[indexes[0] ?? ""];
      const own = Object.entries(annotations).filter(([key]) => !indexes.includes(key));
      const rest = own.length > 0 ? { annotations: Object.fromEntries(own) } : {};
      return {
        owner: object.metadata.labels?.[ownerLabel] ?? "",
        index: index === undefined ? undefined : Number(index),
        object: { ...object, metadata: { ...metadata, ...rest } },
      };
    }),
  );
}

const byOwner = (shown: readonly Shown[]): readonly Shown[] =>
  [...shown].sort((a, b) => (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0));
