/**
 * Versions of Flux's kinds that its definitions served once, and what becomes of their fields in the version that is
 * served now: renamed, or left out where nothing stands for them any more.
 */
import { printJson } from "../kubernetes/json.ts";
import { groupOf, type KubeObject, versionOf } from "./kube-object.ts";
import { isRecord } from "./schema.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The fields as the newer version has them; `said` names in a few words what else than the version has changed. */
interface Lifted {
  readonly spec: Fields;
  readonly said: readonly string[];
}
type Lift = (spec: Fields, version: string) => Lifted;

interface OldVersions {
  readonly group: string;
  readonly kinds: readonly string[];
  readonly from: readonly string[];
  /** In the order in which they are tried. */
  readonly to: readonly string[];
  readonly lift?: Lift;
}

const source = "source.toolkit.fluxcd.io";
const notification = "notification.toolkit.fluxcd.io";
const betas = ["v1beta1", "v1beta2"] as const;

const table: readonly OldVersions[] = [
  {
    group: source,
    kinds: ["GitRepository"],
    from: betas,
    to: ["v1"],
    lift: without("gitImplementation", "accessFrom"),
  },
  { group: source, kinds: ["HelmRepository", "OCIRepository"], from: betas, to: ["v1"] },
  { group: source, kinds: ["Bucket"], from: betas, to: ["v1"], lift: without("accessFrom") },
  { group: source, kinds: ["HelmChart"], from: betas, to: ["v1"], lift: inTurn(without("accessFrom"), liftValuesFile) },
  {
    group: "kustomize.toolkit.fluxcd.io",
    kinds: ["Kustomization"],
    from: betas,
    to: ["v1"],
    lift: inTurn(without("validation"), liftPatches),
  },
  {
    group: "helm.toolkit.fluxcd.io",
    kinds: ["HelmRelease"],
    from: ["v2beta1", "v2beta2"],
    to: ["v2"],
    lift: liftHelmRelease,
  },
  { group: notification, kinds: ["Receiver"], from: betas, to: ["v1"] },
  { group: notification, kinds: ["Alert"], from: [...betas, "v1beta3"], to: ["v1beta3", "v1"], lift: liftAlert },
  { group: notification, kinds: ["Provider"], from: [...betas, "v1beta3"], to: ["v1beta3", "v1"], lift: liftProvider },
  {
    group: "image.toolkit.fluxcd.io",
    kinds: ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"],
    from: betas,
    to: ["v1"],
  },
];

/** The versions that an object of an old one can be lifted to, best first; undefined for what is not old. */
export function newerVersions({
  apiVersion,
  kind,
}: Pick<KubeObject, "apiVersion" | "kind">): readonly string[] | undefined {
  const rule = find(apiVersion, kind);
  return rule?.to.filter((version) => version !== versionOf(apiVersion)).map((version) => `${rule.group}/${version}`);
}

/** @param apiVersion one of {@link newerVersions} */
export function liftTo(
  object: KubeObject,
  apiVersion: string,
): { readonly object: KubeObject; readonly said: readonly string[] } {
  const lift = find(object.apiVersion, object.kind)?.lift;
  if (!lift || !isRecord(object.spec)) return { object: { ...object, apiVersion }, said: [] };
  const { spec, said } = lift(object.spec, versionOf(apiVersion));
  return { object: { ...object, apiVersion, spec }, said };
}

/** Kinds of Flux's API whose name stands for one group, with the version in which they are read when the group is wrong. */
export const fluxKinds: ReadonlyMap<string, string> = new Map(
  table.flatMap(({ group, kinds, to: [version = "v1"] }) =>
    kinds.map((kind) => [kind, `${group}/${version}`] as const),
  ),
);

function find(apiVersion: string, kind: string): OldVersions | undefined {
  const [group, version] = [groupOf(apiVersion), versionOf(apiVersion)];
  return table.find((rule) => rule.group === group && rule.kinds.includes(kind) && rule.from.includes(version));
}

/** Without fields that had no effect any more when the version was given up. */
function without(...names: readonly string[]): Lift {
  return (spec) => {
    const found = names.filter((name) => name in spec);
    return {
      spec: Object.fromEntries(Object.entries(spec).filter(([name]) => !found.includes(name))),
      said: found.map((name) => `spec.${name} is left out`),
    };
  };
}

function inTurn(...lifts: readonly Lift[]): Lift {
  return (given, version) =>
    lifts.reduce<Lifted>(
      ({ spec, said }, lift) => {
        const next = lift(spec, version);
        return { spec: next.spec, said: [...said, ...next.said] };
      },
      { spec: given, said: [] },
    );
}

/** In the order of kustomize: merge patches first, JSON patches last. A JSON document is a YAML document too. */
function liftPatches(spec: Fields): Lifted {
  const { patchesStrategicMerge, patchesJson6902, patches, ...rest } = spec;
  if (patchesStrategicMerge === undefined && patchesJson6902 === undefined) return { spec, said: [] };
  const merged = listOf(patchesStrategicMerge).map((patch) => ({ patch: textOf(patch) }));
  const operations = listOf(patchesJson6902)
    .filter(isRecord)
    .map(({ patch, target }) => ({ patch: textOf(patch), ...(target === undefined ? {} : { target }) }));
  return {
    spec: { ...rest, patches: [...merged, ...listOf(patches), ...operations] },
    said: ["patchesStrategicMerge and patchesJson6902 are read as patches"],
  };
}

/** The one file was merged before those of the list. */
function liftValuesFile(spec: Fields): Lifted {
  const { valuesFile, ...rest } = spec;
  if (valuesFile === undefined) return { spec, said: [] };
  return {
    spec: { ...rest, valuesFiles: [valuesFile, ...listOf(rest.valuesFiles)] },
    said: ["valuesFile is read as the first of valuesFiles"],
  };
}

function liftHelmRelease(spec: Fields): Lifted {
  const said: string[] = [];
  const lifted = (lift: (fields: Fields) => Lifted, fields: unknown): unknown => {
    if (!isRecord(fields)) return fields;
    const next = lift(fields);
    said.push(...next.said);
    return next.spec;
  };
  const chart = isRecord(spec.chart) ? { chart: { ...spec.chart, spec: lifted(liftValuesFile, spec.chart.spec) } } : {};
  const renderers = Array.isArray(spec.postRenderers)
    ? {
        postRenderers: spec.postRenderers.map((renderer: unknown) =>
          isRecord(renderer) ? { ...renderer, kustomize: lifted(liftPatches, renderer.kustomize) } : renderer,
        ),
      }
    : {};
  return { spec: { ...spec, ...chart, ...renderers }, said };
}

function liftAlert(spec: Fields, version: string): Lifted {
  const { summary, ...rest } = spec;
  if (version !== "v1" || summary === undefined) return { spec, said: [] };
  const eventMetadata = { summary, ...(isRecord(rest.eventMetadata) ? rest.eventMetadata : {}) };
  return { spec: { ...rest, eventMetadata }, said: ["spec.summary is read as spec.eventMetadata.summary"] };
}

function liftProvider(spec: Fields, version: string): Lifted {
  return version === "v1" ? without("interval", "proxy")(spec, version) : { spec, said: [] };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

const textOf = (patch: unknown): string => (typeof patch === "string" ? patch : printJson(patch));
