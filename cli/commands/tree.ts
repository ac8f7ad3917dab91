/** `tree kustomization`: what a Kustomization applied, and what the Kustomizations and releases among it did. */
import { gunzipSync } from "node:zlib";

import { groupOf, type KubeObject, subjectOf } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { fieldAt, stringAt } from "../../shared/health/fields.ts";
import { type ParsedId, parseId } from "../../shared/inventory/id.ts";
import { type Cluster, KubeError } from "../../shared/kubernetes/cluster.ts";
import { parseKubeYaml, splitKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { refOfKustomization } from "../local-build/read-kustomization.ts";
import { refOfKind, requireLive, requireOneCluster } from "../one-cluster.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { printGoYaml } from "../print/go-yaml.ts";

export interface TreeOptions {
  readonly namespace: string;
  readonly name: string | undefined;
  /** Flux's objects only. */
  readonly compact: boolean;
  readonly output?: "json" | "yaml" | undefined;
}

interface Node {
  readonly id: ParsedId;
  readonly children: readonly Node[];
}

interface Walk {
  readonly cluster: Cluster;
  readonly compact: boolean;
  readonly signal: AbortSignal | undefined;
}

const kustomizeGroup = "kustomize.toolkit.fluxcd.io";
const helmGroup = "helm.toolkit.fluxcd.io";

/** @throws CommandError without a name, KubeError when an object of the tree is gone */
export async function treeKustomization(ports: CliPorts, options: TreeOptions): Promise<void> {
  const { namespace, name, compact, output } = options;
  if (name === undefined) throw new CommandError("kustomization name is required");
  const { cluster } = requireOneCluster(ports);
  const walk: Walk = { cluster, compact, signal: ports.signal };
  const root = await requireLive(cluster, refOfKustomization(name, namespace), ports.signal);
  const id = { namespace, name, group: kustomizeGroup, kind: "Kustomization" };
  const node: Node = { id, children: await childrenOf(root, walk) };
  ports.out(`${printTree(node, output)}\n`);
}

async function childrenOf(kustomization: KubeObject, walk: Walk): Promise<readonly Node[]> {
  const entries = fieldAt(kustomization, "status", "inventory", "entries");
  const nodes: Node[] = [];
  for (const entry of Array.isArray(entries) ? (entries as readonly unknown[]) : []) {
    const id = requireId(stringAt(entry, ["id"], ""));
    if (!isShown(id, walk) || isItself(id, kustomization)) continue;
    nodes.push({ id, children: await below(id, kustomization, walk) });
  }
  return nodes;
}

function requireId(text: string): ParsedId {
  const id = parseId(text);
  if (!id) throw new CommandError(`unable to parse stored object metadata: ${text}`);
  return id;
}

const isShown = ({ group }: ParsedId, { compact }: Walk): boolean => !compact || group.includes("toolkit.fluxcd.io");

const isItself = ({ group, kind, namespace, name }: ParsedId, { metadata }: KubeObject): boolean =>
  group === kustomizeGroup && kind === "Kustomization" && namespace === metadata.namespace && name === metadata.name;

async function below(id: ParsedId, parent: KubeObject, walk: Walk): Promise<readonly Node[]> {
  const { group, kind, namespace, name } = id;
  if (group === helmGroup && kind === "HelmRelease") return releaseOf(id, walk);
  // What was applied to a remote cluster cannot be looked up here.
  if (group !== kustomizeGroup || kind !== "Kustomization" || fieldAt(parent, "spec", "kubeConfig") !== undefined)
    return [];
  try {
    return await childrenOf(await requireLive(walk.cluster, refOfKustomization(name, namespace), walk.signal), walk);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound")
      throw new KubeError(error.code, error.reason, `failed to find object: ${error.message}`);
    throw error;
  }
}

/** The objects of the newest release, which Helm keeps in a Secret. */
async function releaseOf({ namespace, name }: ParsedId, walk: Walk): Promise<readonly Node[]> {
  const ref = refOfKind("HelmRelease", namespace, name);
  const release = ref && (await requireLive(walk.cluster, ref, walk.signal));
  if (!release || fieldAt(release, "spec", "kubeConfig") !== undefined) return [];
  const history = fieldAt(release, "status", "history");
  const latest: unknown = Array.isArray(history) ? history[0] : undefined;
  const storage = stringAt(release, ["status", "storageNamespace"], "");
  if (storage === "" || latest === undefined) return [];
  const secret = await walk.cluster.get(
    {
      apiVersion: "v1",
      kind: "Secret",
      namespace: storage,
      name: `sh.helm.release.v1.${stringAt(latest, ["name"], "")}.v${String(fieldAt(latest, "version"))}`,
    },
    walk.signal,
  );
  if (!secret) return [];
  const objects = manifestOf(secret, `${namespace}/${name}`);
  const nodes: Node[] = [];
  for (const object of objects) {
    const id = await idOf(object, stringAt(latest, ["namespace"], ""), walk.cluster);
    if (isShown(id, walk)) nodes.push({ id, children: [] });
  }
  return nodes;
}

/** @throws CommandError when the Secret holds no release */
function manifestOf({ data }: KubeObject, release: string): readonly KubeObject[] {
  const stored = isRecord(data) && typeof data.release === "string" ? data.release : undefined;
  try {
    // Helm encodes once more what the Secret encodes already.
    const bytes = Buffer.from(Buffer.from(stored ?? "", "base64").toString("latin1"), "base64");
    const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
    return splitKubeYaml(stringAt(JSON.parse(text), ["manifest"], "")).flatMap((document) =>
      parseKubeYaml(document.text),
    );
  } catch {
    throw new CommandError(`failed to decode the Helm storage object for HelmRelease '${release}'`);
  }
}

async function idOf({ apiVersion, kind, metadata }: KubeObject, fallback: string, cluster: Cluster): Promise<ParsedId> {
  const isNamespaced = async () => {
    try {
      return (await cluster.resource(apiVersion, kind)).namespaced;
    } catch (error) {
      if (error instanceof KubeError && error.reason === "NoMatch") return false;
      throw error;
    }
  };
  const namespace = metadata.namespace ?? ((await isNamespaced()) ? fallback : "");
  return { namespace, name: metadata.name, group: groupOf(apiVersion), kind };
}

function printTree(root: Node, output: TreeOptions["output"]): string {
  switch (output) {
    case "json":
      return JSON.stringify(toJson(root), null, 2);
    case "yaml":
      return printGoYaml(toJson(root));
    case undefined:
      return `${subjectOf(root.id)}\n${printChildren(root.children, "")}`;
  }
}

function printChildren(nodes: readonly Node[], indent: string): string {
  return nodes
    .map(({ id, children }, index) => {
      const isLast = index === nodes.length - 1;
      const line = `${indent}${isLast ? "└── " : "├── "}${subjectOf(id)}\n`;
      return line + printChildren(children, `${indent}${isLast ? "    " : "│   "}`);
    })
    .join("");
}

/** With the names that Go gives to fields without a tag. */
function toJson({ id, children }: Node): unknown {
  const { namespace, name, group, kind } = id;
  return {
    resource: { Namespace: namespace, Name: name, GroupKind: { Group: group, Kind: kind } },
    ...(children.length > 0 ? { resources: children.map(toJson) } : {}),
  };
}
