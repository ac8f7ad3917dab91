/** Flux's own objects of a cluster, as they are now. */
import { gitRepositoryApiVersion, gitRepositoryKind } from "../api/git-repository.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../api/kustomization.ts";
import type { View } from "../kubernetes/catch-up.ts";
import { KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import { keepContent } from "./keep.ts";

export interface FluxViews {
  readonly sources: readonly KubeObject[];
  readonly kustomizations: readonly KubeObject[];
}

const sourceView: View = { apiVersion: gitRepositoryApiVersion, kind: gitRepositoryKind };
const kustomizationView: View = { apiVersion: kustomizationApiVersion, kind: kustomizationKind };

export async function followFlux(follower: Follower): Promise<FluxViews> {
  const [sources, kustomizations] = await Promise.all([
    followOrNone(follower, sourceView),
    followOrNone(follower, kustomizationView),
  ]);
  return { sources, kustomizations };
}

/** Looking every few seconds would list all of them each time. */
export const isFluxBusy = (follower: Follower): boolean =>
  follower.isBusy(sourceView) || follower.isBusy(kustomizationView);

/** Kinds whose definition is gone count as a cluster without such objects. */
async function followOrNone(follower: Follower, view: View): Promise<readonly KubeObject[]> {
  try {
    return (await follower.follow(view, keepContent)).items;
  } catch (error) {
    if (error instanceof KubeError && (error.reason === "NoMatch" || error.reason === "NotFound")) return [];
    throw error;
  }
}
