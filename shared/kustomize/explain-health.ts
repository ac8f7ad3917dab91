/** Why objects did not become healthy: what their Pods, or they themselves, say. A few requests after a failed check. */
import { type KubeObject, type ObjectRef, subjectOf } from "../api/kube-object.ts";
import { fieldAt, findCondition } from "../health/fields.ts";
import { causeOfPods, reasonOf } from "../health/pod-cause.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { excerpt } from "../runtime/advice.ts";
import { ownWords } from "./own-words.ts";

/** Objects that are looked into; the first causes mostly explain the rest. */
const mostObjects = 3;

/**
 * @param reader namespace of who is told
 * @throws KubeError as the cluster does
 */
export async function explainHealth(
  open: readonly ObjectRef[],
  reader: string,
  cluster: Pick<Cluster, "get" | "list">,
): Promise<string | undefined> {
  const causes: string[] = [];
  for (const ref of open.slice(0, mostObjects)) {
    const object = await cluster.get(ref);
    const cause = object ? await causeOf(object, reader, cluster) : "does not exist";
    if (cause !== undefined) causes.push(`${subjectOf(ref)}: ${cause}`);
  }
  return causes.length === 0 ? undefined : causes.join("; ");
}

async function causeOf(
  object: KubeObject,
  reader: string,
  cluster: Pick<Cluster, "list">,
): Promise<string | undefined> {
  if (object.kind === "Pod") return reasonOf(object);
  const labels = fieldAt(object, "spec", "selector", "matchLabels");
  const { namespace } = object.metadata;
  if (namespace === undefined || typeof labels !== "object" || labels === null || !fieldAt(object, "spec", "template"))
    return ownWords(object, reader);
  const labelSelector = Object.entries(labels)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(",");
  const { items } = await cluster.list("v1", "Pod", { namespace, labelSelector });
  return causeOfPods(items) ?? (items.length === 0 ? withoutPods(object) : undefined);
}

/** A quota or an admission policy refuses them, or nobody has made them yet. */
function withoutPods(object: KubeObject): string {
  const refused = findCondition(object, "ReplicaFailure", "True") ?? findCondition(object, "Progressing", "False");
  if (refused) return `no Pods: ${refused.reason}: ${excerpt(refused.message)}`;
  return "no Pods exist yet";
}
