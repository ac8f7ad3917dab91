/** Brings built objects into the form that Flux applies (fluxcd/pkg ssa/normalize). */
import { groupOf, type KubeObject } from "../api/kube-object.ts";

/** Lists become their members; documents that are no Kubernetes object and Kustomize's own kinds are dropped. */
export function normalize(documents: readonly KubeObject[]): readonly KubeObject[] {
  return documents.flatMap(expand).filter(isKubernetes).map(normalizeObject);
}

function expand(object: KubeObject): readonly KubeObject[] {
  const items = object["items"];
  const isList = typeof object.kind === "string" && object.kind.endsWith("List") && Array.isArray(items);
  return isList ? (items as readonly KubeObject[]).flatMap(expand) : [object];
}

function isKubernetes(object: unknown): object is KubeObject {
  if (typeof object !== "object" || object === null) return false;
  const { apiVersion, kind, metadata } = object as Partial<KubeObject>;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || typeof metadata?.name !== "string") return false;
  return !(kind === "Kustomization" && groupOf(apiVersion) === "kustomize.config.k8s.io");
}

function normalizeObject(object: KubeObject): KubeObject {
  const { creationTimestamp: _, ...metadata } = object.metadata;
  const { status, ...rest } = object;
  // The API server takes a definition's status as written; everybody else's belongs to controllers.
  const keepsStatus = object.kind === "CustomResourceDefinition" && status !== undefined;
  const plain: KubeObject = { ...rest, metadata, apiVersion: object.apiVersion, kind: object.kind };
  if (object.kind === "Secret" && object.apiVersion === "v1") return mergeStringData(plain);
  if (object.kind === "Service" && object.apiVersion === "v1") return { ...plain, spec: withProtocols(plain["spec"]) };
  if (object.kind === "Pod" && object.apiVersion === "v1") return { ...plain, spec: withPodProtocols(plain["spec"]) };
  return keepsStatus ? { ...plain, status: {} } : plain;
}

function mergeStringData(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  if (typeof stringData !== "object" || stringData === null) return secret;
  const data = { ...(rest["data"] as Record<string, string> | undefined) };
  for (const [name, text] of Object.entries(stringData as Record<string, unknown>))
    data[name] = Buffer.from(String(text), "utf8").toString("base64");
  return { ...rest, apiVersion: secret.apiVersion, kind: secret.kind, metadata: secret.metadata, data };
}

type Ports = readonly { readonly protocol?: string }[];

/** Part of the list's key for server-side apply, and defaulted to TCP by the server. */
function withProtocols(spec: unknown): unknown {
  const { ports, ...rest } = (spec ?? {}) as { ports?: Ports };
  return ports ? { ...rest, ports: ports.map((port) => ({ protocol: "TCP", ...port })) } : spec;
}

function withPodProtocols(spec: unknown): unknown {
  const pod = (spec ?? {}) as { containers?: readonly { ports?: Ports }[] };
  return pod.containers ? { ...pod, containers: pod.containers.map(withProtocols) } : spec;
}
