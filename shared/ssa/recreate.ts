/**
 * Replaces an object of which a field must not change (`spec.force`). Flux deletes it while it still dry-runs the stage;
 * here it is marked then, and deleted and created in one go when all of the stage was found to be accepted.
 */
import { type KubeObject, refOf, subject } from "../api/kube-object.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import type { Clock } from "../runtime/clock.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";

/** As Flux tells it: by the reason, or by the words of admission webhooks and CEL rules; errs on the side of yes. */
export function isImmutableError({ reason, message }: KubeError): boolean {
  return reason === "Invalid" || reason === "Conflict" || /is\simmutable|immutable\sfield/.test(message);
}

/**
 * Whether a new object would be refused for all that the change was refused for: then nothing is immutable, the manifest
 * is wrong, and deleting the object would only lose it. Flux deletes it.
 */
export async function isRefusedAnew(
  dryRun: (object: KubeObject) => Promise<unknown>,
  desired: KubeObject,
  live: KubeObject,
  refusal: KubeError,
): Promise<boolean> {
  const causes = causesOf(refusal);
  if (causes.length === 0) return false;
  const name = `dry-run-${live.metadata.uid ?? "object"}`;
  try {
    await dryRun({ ...desired, metadata: { ...desired.metadata, name } });
    return false;
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    const found = new Set(causesOf(error));
    return causes.every((cause) => found.has(cause));
  }
}

function causesOf({ details }: KubeError): readonly string[] {
  const { causes = [] } = (details ?? {}) as { causes?: readonly { field?: string; message?: string }[] };
  return causes.map(({ field = "", message = "" }) => `${field}: ${message}`);
}

/** Left for its finalizers to run; shorter than the margin before the deadline of a run. */
export const goneMillis = 15_000;

const firstPauseMillis = 50;
const longestPauseMillis = 1000;

/**
 * Resolves when the object is gone, or another incarnation is there. Repeatable: an object that is being deleted is
 * waited for, one that is gone already is no error.
 * @param options.until epoch milliseconds
 * @throws ReconcileError ReconciliationFailed when it is still there then, or cannot be deleted
 */
export async function removeForGood(
  cluster: Cluster,
  live: KubeObject,
  options: { readonly clock: Clock; readonly until: number; readonly fence: () => void },
): Promise<void> {
  const { uid, deletionTimestamp } = live.metadata;
  const ref = refOf(live);
  if (deletionTimestamp === undefined) {
    options.fence();
    const precondition = uid === undefined ? {} : { uid };
    await explaining(live, "failed to delete object", () =>
      cluster.delete(ref, { propagation: "Background", ...precondition }),
    );
  }
  const { clock, until } = options;
  for (let pause = firstPauseMillis; ; pause = Math.min(pause * 2, longestPauseMillis)) {
    const seen = await explaining(live, "failed to wait for object to be deleted", () => cluster.get(ref));
    if (!seen || seen.metadata.uid !== uid) return;
    if (clock.now() + pause > until) throw stillThere(seen);
    await clock.sleep(pause);
  }
}

function stillThere(live: KubeObject): ReconcileError {
  const { finalizers = [] } = live.metadata;
  const held = finalizers.length > 0 ? `it is held by its finalizers (${finalizers.join(", ")})` : "it is still there";
  return failure(live, "failed to wait for object to be deleted", `${held}, it is created again when it is gone`);
}

async function explaining<T>(live: KubeObject, verb: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    throw failure(live, verb, error.message, error);
  }
}

function failure(live: KubeObject, verb: string, why: string, cause?: KubeError): ReconcileError {
  const message = `${subject(live)} immutable field detected, ${verb}: ${why}\n`;
  return new ReconcileError("retry", "ReconciliationFailed", message, cause ? { cause } : {});
}
