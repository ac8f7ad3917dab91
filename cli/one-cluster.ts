/** For commands about one object of one cluster: which cluster is meant, and an object that must be there. */
import type { KubeObject, ObjectRef } from "../shared/api/kube-object.ts";
import { type Cluster, KubeError } from "../shared/kubernetes/cluster.ts";
import { findKind } from "./kinds.ts";
import { CommandError, type CliPorts, type NamedCluster } from "./ports.ts";

/** @throws CommandError when there is none, or several to choose from */
export function requireOneCluster({ clusters }: Pick<CliPorts, "clusters">): NamedCluster {
  const [first, ...others] = clusters;
  if (!first) throw new CommandError("no cluster to talk to: name one with --context, or a fleet file with --fleet");
  if (others.length === 0) return first;
  const names = clusters.map(({ name }) => name).join(", ");
  throw new CommandError(`this command looks at one cluster: choose it with --cluster, the fleet has ${names}`);
}

/** @throws KubeError NotFound in the API server's words */
export async function requireLive(cluster: Cluster, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject> {
  const object = await cluster.get(ref, signal);
  if (object) return object;
  const { plural, group } = await cluster.resource(ref.apiVersion, ref.kind);
  const resource = group === "" ? plural : `${plural}.${group}`;
  throw new KubeError(404, "NotFound", `${resource} "${ref.name}" not found`);
}

/** One of Flux's objects; `undefined` for a kind that is not Flux's. */
export function refOfKind(kind: string, namespace: string, name: string): ObjectRef | undefined {
  const found = findKind(kind);
  return found && { apiVersion: found.apiVersion, kind: found.kind, namespace, name };
}
