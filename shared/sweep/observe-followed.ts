/** What there is of the kinds that were applied, kind by kind for the whole cluster, from what is remembered and what happened since. */
import { formatId } from "../inventory/id.ts";
import { KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import { isQuiet, type Kind, kindKey, type Live, type LiveObjects } from "../kustomize/observe-live.ts";
import { each } from "../runtime/each.ts";
import { ownerName } from "../ssa/owner.ts";
import { keepIdentity } from "./keep.ts";

export interface FollowedObjects extends LiveObjects {
  /** Why a kind cannot be listed for the whole cluster, by its key. */
  readonly unlisted: ReadonlyMap<string, KubeError>;
}

const inFlight = 8;

/** One that cannot be listed holds up no other. @throws KubeError when the API server itself cannot be asked */
export async function observeFollowed(follower: Follower, kinds: readonly Kind[]): Promise<FollowedObjects> {
  const byId = new Map<string, Live>();
  const covered = new Set<string>();
  const unlisted = new Map<string, KubeError>();
  await each(kinds, inFlight, async (kind) => {
    const view = { ...kind, labelSelector: ownerName, metadataOnly: isQuiet(kind) };
    const found = await follower.follow(view, keepIdentity).catch((error: unknown) => {
      if (error instanceof KubeError && isOfKind(error)) return error;
      throw error;
    });
    if (found instanceof KubeError) {
      unlisted.set(kindKey(kind), found);
      return;
    }
    covered.add(kindKey(kind));
    for (const item of found.items) {
      const { name, namespace, uid = "", resourceVersion = "", labels = {} } = item.metadata;
      const ref = { ...kind, name, ...(namespace ? { namespace } : {}) };
      const object = found.isWhole(item) ? item : undefined;
      byId.set(formatId(ref), { ref, uid, rv: resourceVersion, labels, object });
    }
  });
  return { byId, unlisted, covers: (ref) => covered.has(kindKey(ref)) };
}

/** Refused, not there, or served by somebody who is down or has too much to do: an aggregated API, a webhook that converts. */
const isOfKind = ({ reason, code }: KubeError): boolean =>
  ["Forbidden", "NotFound", "NoMatch", "MethodNotAllowed"].includes(reason) || code === 429 || code >= 500;
