/**
 * Writes the status of one Flux object as Flux's controllers do: merge patches of the fields that changed, by the
 * controller's manager name, on condition that the object is still the one that was read.
 */
import { isDeepStrictEqual } from "node:util";

import type { KubeObject } from "../api/kube-object.ts";
import { refOf } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "./cluster.ts";

export type Status = Readonly<Record<string, unknown>>;

export interface StatusWriter {
  /** Patches what differs from what was last read or saved; no request when nothing does. */
  save(next: Status): Promise<void>;
}

const conflictRetries = 3;

/**
 * @param fence throws when the lease may have passed to another worker; called before each write
 * @throws KubeError NotFound when the object is gone, Conflict when another incarnation has taken its name
 */
export function createStatusWriter(
  cluster: Cluster,
  object: KubeObject,
  options: { readonly fieldManager: string; readonly fence: () => void },
): StatusWriter {
  let saved = statusOf(object);
  let resourceVersion = object.metadata.resourceVersion;

  const patch = async (next: Status): Promise<void> => {
    const changes = difference(saved, next);
    if (Object.keys(changes).length === 0) return;
    options.fence();
    const written = await cluster.mergePatch(
      refOf(object),
      { metadata: { resourceVersion }, status: changes },
      { fieldManager: options.fieldManager, subresource: "status" },
    );
    saved = next;
    resourceVersion = written.metadata.resourceVersion;
  };

  return {
    async save(next) {
      for (let attempt = 0; ; attempt += 1) {
        try {
          await patch(next);
          return;
        } catch (error) {
          if (!(error instanceof KubeError) || error.reason !== "Conflict" || attempt >= conflictRetries) throw error;
          const fresh = await cluster.get(refOf(object));
          if (fresh?.metadata.uid !== object.metadata.uid) throw error;
          saved = pick(statusOf(fresh), saved, next);
          resourceVersion = fresh?.metadata.resourceVersion;
        }
      }
    },
  };
}

export function statusOf(object: KubeObject | undefined): Status {
  const status = object?.status;
  return typeof status === "object" && status !== null ? (status as Status) : {};
}

/** Fields of a newer version of the API are not ours to remove. */
function pick(status: Status, ...known: readonly Status[]): Status {
  return Object.fromEntries(Object.entries(status).filter(([name]) => known.some((fields) => name in fields)));
}

/** RFC 7396: a field that is gone becomes null; lists are replaced whole. */
function difference(from: Status, to: Status): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(to))
    if (value !== undefined && !isDeepStrictEqual(from[name], value)) changes[name] = value;
  for (const name of Object.keys(from)) if (to[name] === undefined) changes[name] = null;
  return changes;
}
