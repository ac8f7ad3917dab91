/** Brings built objects into the form that Flux applies (fluxcd/pkg ssa/normalize). */
import { groupOf, type KubeObject } from "../api/kube-object.ts";
import { withoutVoidNamespace } from "./cluster-scoped.ts";
import { withoutInvalidCaBundle } from "./ca-bundle.ts";
import { withoutOmitted } from "./go-omitted.ts";
import { withQuantities } from "./go-quantities.ts";
import { withZeroValues } from "./go-zero-values.ts";

/** Lists become their members; documents that are no Kubernetes object and Kustomize's own kinds are dropped. */
export function normalize(documents: readonly KubeObject[]): readonly KubeObject[] {
  return documents.flatMap(expand).filter(isKubernetes).map(normalizeObject);
}

/** Members of a typed list may leave out what the list's own kind tells. */
function expand(object: KubeObject): readonly KubeObject[] {
  const { items, apiVersion, kind } = object;
  const isList = typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);
  if (!isList) return [object];
  const inherited = kind === "List" ? {} : { apiVersion, kind: kind.slice(0, -"List".length) };
  return (items as readonly KubeObject[]).flatMap((item) => expand({ ...inherited, ...item }));
}

function isKubernetes(object: unknown): object is KubeObject {
  if (typeof object !== "object" || object === null) return false;
  const { apiVersion, kind, metadata } = object as Partial<KubeObject>;
  if (!isText(apiVersion) || !isText(kind) || !isText(metadata?.name)) return false;
  return !(kind === "Kustomization" && groupOf(apiVersion) === "kustomize.config.k8s.io");
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function normalizeObject(object: KubeObject): KubeObject {
  const { creationTimestamp: _, ...metadata } = object.metadata;
  const plain = withoutVoidNamespace({ ...object, metadata });
  // kstatus needs a definition's status; everybody else's belongs to controllers.
  if (isDefinition(plain)) return withoutInvalidCaBundle(plain);
  const { status: __, ...rest } = plain;
  const { apiVersion, kind } = object;
  const correct = corrections[`${apiVersion} ${kind}`];
  const wanted: KubeObject = { ...rest, apiVersion, kind };
  return withoutOmitted(withQuantities(withZeroValues(correct ? correct(wanted) : wanted)));
}

const isDefinition = ({ apiVersion, kind }: KubeObject): boolean =>
  kind === "CustomResourceDefinition" && groupOf(apiVersion) === "apiextensions.k8s.io";

const corrections: Readonly<Record<string, (object: KubeObject) => KubeObject>> = {
  "v1 Secret": mergeStringData,
  "v1 Service": (object) => at(object, ["spec"], withProtocols),
  "v1 Pod": (object) => at(object, ["spec"], withPodProtocols),
  "apps/v1 Deployment": (object) => at(object, ["spec", "template", "spec"], withPodProtocols),
  "apps/v1 StatefulSet": (object) => at(object, ["spec", "template", "spec"], withPodProtocols),
  "apps/v1 DaemonSet": (object) => at(object, ["spec", "template", "spec"], withPodProtocols),
  "apps/v1 ReplicaSet": (object) => at(object, ["spec", "template", "spec"], withPodProtocols),
  "batch/v1 Job": (object) => at(object, ["spec", "template", "spec"], withPodProtocols),
  "batch/v1 CronJob": (object) => at(object, ["spec", "jobTemplate", "spec", "template", "spec"], withPodProtocols),
};

type Json = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Changes the map at a path, where there is one. */
function at<T extends Json>(object: T, [step, ...rest]: readonly string[], change: (map: Json) => Json): T {
  if (step === undefined) return change(object) as T;
  const below = object[step];
  return isMap(below) ? { ...object, [step]: at(below, rest, change) } : object;
}

function mergeStringData(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  if (!isMap(stringData)) return secret;
  const data: Record<string, unknown> = { ...(isMap(rest.data) ? rest.data : {}) };
  for (const [name, text] of Object.entries(stringData)) {
    // Anything but text is for the server to refuse.
    if (typeof text !== "string" && text !== null) return secret;
    data[name] = Buffer.from(text ?? "", "utf8").toString("base64");
  }
  return { ...rest, apiVersion: secret.apiVersion, kind: secret.kind, metadata: secret.metadata, data };
}

/** Part of the list's key for server-side apply, and defaulted to TCP by the server. */
function withProtocols(spec: Json): Json {
  const { ports } = spec;
  if (!Array.isArray(ports)) return spec;
  return {
    ...spec,
    ports: ports.map((port: unknown) => (isMap(port) && !port.protocol ? { ...port, protocol: "TCP" } : port)),
  };
}

function withPodProtocols(spec: Json): Json {
  const { containers } = spec;
  if (!Array.isArray(containers)) return spec;
  return {
    ...spec,
    containers: containers.map((container: unknown) => (isMap(container) ? withProtocols(container) : container)),
  };
}
