/** Flux's own objects of a cluster, as they are now. */
import { gitRepositoryApiVersion, gitRepositoryKind } from "../api/git-repository.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../api/kustomization.ts";
import { KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import { keepContent } from "./keep.ts";

export interface FluxViews {
  readonly sources: readonly KubeObject[];
  readonly kustomizations: readonly KubeObject[];
}

export async function followFlux(follower: Follower): Promise<FluxViews> {
  const [sources, kustomizations] = await Promise.all([
    followOrNone(follower, gitRepositoryApiVersion, gitRepositoryKind),
    followOrNone(follower, kustomizationApiVersion, kustomizationKind),
  ]);
  return { sources, kustomizations };
}

/** Kinds whose definition is gone count as a cluster without such objects. */
async function followOrNone(follower: Follower, apiVersion: string, kind: string): Promise<readonly KubeObject[]> {
  try {
    return (await follower.follow({ apiVersion, kind }, keepContent)).items;
  } catch (error) {
    if (error instanceof KubeError && (error.reason === "NoMatch" || error.reason === "NotFound")) return [];
    throw error;
  }
}
