/** `metrics`: Flux's objects as the series that Flux's dashboards read, in Prometheus' text format. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { conditionsOf, fieldAt, stringAt } from "../../shared/health/fields.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { type Answer, eachCluster } from "../each-cluster.ts";
import { fluxKinds, type FluxKind } from "../kinds.ts";
import type { CliPorts } from "../ports.ts";

export interface MetricsOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  /** Also the series that Flux's controllers had before `gotk_resource_info`. */
  readonly deprecated?: boolean;
}

type Labels = Readonly<Record<string, string>>;

/** A label that kube-state-metrics leaves out when the object has no such field. */
const field =
  (...path: readonly string[]) =>
  (object: KubeObject): string | undefined => {
    const value = fieldAt(object, ...path);
    return typeof value === "string" || typeof value === "boolean" ? String(value) : undefined;
  };

const artifactRevision = { revision: field("status", "artifact", "revision") };
const byUrl = { ...artifactRevision, url: field("spec", "url") };
const bySource = { source_name: field("spec", "sourceRef", "name") };

/** What each kind has beyond name, namespace, readiness and suspension, as Flux's monitoring example configures it. */
const labelsOfKind: Readonly<Record<string, Readonly<Record<string, (object: KubeObject) => string | undefined>>>> = {
  Kustomization: { revision: field("status", "lastAppliedRevision"), ...bySource },
  HelmRelease: {
    revision: field("status", "lastAppliedRevision"),
    chart_name: field("spec", "chart", "spec", "chart"),
    chart_source_name: field("spec", "chart", "spec", "sourceRef", "name"),
  },
  GitRepository: byUrl,
  OCIRepository: byUrl,
  HelmRepository: byUrl,
  Bucket: { ...artifactRevision, endpoint: field("spec", "endpoint"), bucket_name: field("spec", "bucketName") },
  HelmChart: { ...artifactRevision, chart_name: field("spec", "chart"), chart_version: field("spec", "version") },
  Receiver: { webhook_path: field("status", "webhookPath") },
  ImageRepository: { image: field("spec", "image") },
  ImagePolicy: { source_name: field("spec", "imageRepositoryRef", "name") },
  ImageUpdateAutomation: bySource,
};

/** Kinds that a cluster does not serve have no series. With several clusters each series has the label `cluster`. */
export async function printMetrics(ports: CliPorts, options: MetricsOptions): Promise<void> {
  const { answers, requireAll } = await eachCluster(ports, ({ cluster }) => readAll(cluster, options, ports.signal));
  const several = ports.clusters.length > 1;
  const found = answers.flatMap(({ cluster, value }: Answer<readonly Found[]>) =>
    value.map((each) => ({ ...each, own: several ? { cluster: cluster.name } : {} })),
  );
  ports.out(
    family(
      "gotk_resource_info",
      "The current state of a GitOps Toolkit resource.",
      found.map(({ kind, object, own }) => [{ ...own, ...infoLabels(kind, object) }, 1]),
    ),
  );
  if (options.deprecated) ports.out(deprecatedFamilies(found));
  requireAll();
}

interface Found {
  readonly kind: FluxKind;
  readonly object: KubeObject;
}

async function readAll(
  cluster: CliPorts["clusters"][number]["cluster"],
  { namespace, allNamespaces = false }: MetricsOptions,
  signal: AbortSignal | undefined,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const kind of fluxKinds) {
    try {
      const scope = { ...(allNamespaces ? {} : { namespace }), ...(signal ? { signal } : {}) };
      const { items } = await cluster.list(kind.apiVersion, kind.kind, scope);
      found.push(...items.map((object) => ({ kind, object })));
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "NoMatch") throw error;
    }
  }
  return found;
}

function infoLabels({ apiVersion, kind }: FluxKind, object: KubeObject): Labels {
  const [group = "", version = ""] = apiVersion.split("/");
  const more = Object.entries(labelsOfKind[kind] ?? {}).flatMap(([name, read]) => {
    const value = read(object);
    return value === undefined ? [] : [[name, value] as const];
  });
  const ready = readyOf(object);
  const suspended = field("spec", "suspend")(object);
  return {
    customresource_group: group,
    customresource_kind: kind,
    customresource_version: version,
    exported_namespace: object.metadata.namespace ?? "",
    name: object.metadata.name,
    ...(ready === undefined ? {} : { ready }),
    ...Object.fromEntries(more),
    ...(suspended === undefined ? {} : { suspended }),
  };
}

const readyOf = (object: KubeObject): string | undefined =>
  conditionsOf(object).find(({ type }) => type === "Ready")?.status;

function deprecatedFamilies(found: readonly (Found & { readonly own: Labels })[]): string {
  const labels = ({ kind, object, own }: (typeof found)[number]): Labels => ({
    ...own,
    kind: kind.kind,
    name: object.metadata.name,
    namespace: stringAt(object, ["metadata", "namespace"], ""),
  });
  const conditions = found.flatMap((each) =>
    ["True", "False", "Unknown"].map((status): Sample => [
      { ...labels(each), status, type: "Ready" },
      (readyOf(each.object) ?? "Unknown") === status ? 1 : 0,
    ]),
  );
  const suspended = found.map((each): Sample => [
    labels(each),
    fieldAt(each.object, "spec", "suspend") === true ? 1 : 0,
  ]);
  return (
    family(
      "gotk_reconcile_condition",
      "The current condition status of a GitOps Toolkit resource reconciliation.",
      conditions,
    ) + family("gotk_suspend_status", "The current suspend status of a GitOps Toolkit resource.", suspended)
  );
}

type Sample = readonly [labels: Labels, value: number];

/** Nothing for a family without series: Prometheus reads that as absence. */
function family(name: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(
    ([labels, value]) => `${name}{${Object.entries(labels).map(printLabel).join(",")}} ${value}`,
  );
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ""].join("\n");
}

const printLabel = ([name, value]: readonly [string, string]): string =>
  `${name}="${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`;
