/** A kind of Flux that is not built yet ends Stalled naming it, so that whoever waits for it fails with words. */
import type { KubeObject } from "../api/kube-object.ts";
import { fieldAt } from "../health/fields.ts";
import { type Cluster, KubeError } from "./cluster.ts";
import { createStatusWriter, statusOf } from "./status-writer.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Done } from "../lease/with-lease.ts";
import type { Condition, Reason } from "../api/conditions.ts";
import { type Clock, rfc3339 } from "../runtime/clock.ts";
import { setCondition } from "../runtime/conditions.ts";

export interface RefuseOptions {
  readonly clock: Clock;
  readonly fence: () => void;
  readonly fieldManager: string;
}

export async function refuseObject(self: ObjectKey, cluster: Cluster, options: RefuseOptions): Promise<Done> {
  const object = await findObject(self, cluster);
  if (!object) return { kind: "done", remove: ["vpk", "vsk", "seenUid", "seenGen"] };
  // Flux says nothing of what is suspended, and whoever takes over must not.
  if (fieldAt(object, "spec", "suspend") === true) return seen(self, object);
  const message = `${self.kind} (${self.group}) is not supported by this version of Driftless: suspend the object, or remove it from Git`;
  return stallObject(self, object, { reason: "FeatureNotSupported", message }, cluster, options);
}

/** Says in the object's conditions why nothing is done with it until it changes; the row keeps that it was seen. */
export async function stallObject(
  self: ObjectKey,
  object: KubeObject,
  { reason, message }: { readonly reason: Reason; readonly message: string },
  cluster: Cluster,
  { clock, fence, fieldManager }: RefuseOptions,
): Promise<Done> {
  const { generation = 0 } = object.metadata;
  const status = statusOf(object);
  let conditions = (status.conditions as readonly Condition[] | undefined) ?? [];
  for (const [type, value] of [
    ["Stalled", "True"],
    ["Ready", "False"],
  ] as const)
    conditions = setCondition(
      conditions,
      { type, status: value, reason, message, observedGeneration: generation },
      rfc3339(clock.now()),
    );
  const writer = createStatusWriter(cluster, object, { fieldManager, fence });
  try {
    await writer.save({ ...status, ...handledRequest(object), conditions, observedGeneration: generation });
  } catch (error) {
    // Static kinds (Provider, Alert) have no status to say it in.
    if (!(error instanceof KubeError) || error.reason !== "NotFound") throw error;
  }
  return seen(self, object);
}

const seen = (self: ObjectKey, { metadata: { uid = "", generation = 0 } }: KubeObject): Done => ({
  kind: "done",
  set: { seenUid: uid, seenGen: generation, vpk: `CL#${self.cluster}`, vsk: formatKey(self) },
});

/** Whoever asked for a run by annotation has been heard. */
function handledRequest({ metadata }: KubeObject): { readonly lastHandledReconcileAt?: string } {
  const wanted = metadata.annotations?.["reconcile.fluxcd.io/requestedAt"];
  return wanted === undefined ? {} : { lastHandledReconcileAt: wanted };
}

/** The served version is not known from a key; v1, then the ones that Flux's kinds have or had. */
async function findObject(self: ObjectKey, cluster: Cluster): Promise<KubeObject | undefined> {
  for (const version of ["v1", "v2", "v1beta3", "v1beta2", "v1beta1"]) {
    try {
      const { kind, namespace, name } = self;
      return await cluster.get({ apiVersion: `${self.group}/${version}`, kind, namespace, name });
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "NoMatch") throw error;
    }
  }
  return undefined;
}
