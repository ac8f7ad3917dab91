/** One stage of an apply: look and dry-run all of it, then write what differs. Messages are Flux's. */
import { type KubeObject, type ObjectRef, refOf, subject } from "../api/kube-object.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { each } from "../runtime/each.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { hasDrifted } from "./drift.ts";
import { needsTakeOver, takeOver } from "./field-managers.ts";
import { groupByKind } from "./group-by-kind.ts";
import { isCreatedOnly, isIgnored, isMerged } from "./toggles.ts";
import { withoutUndeclared } from "./undeclared-fields.ts";

export const applyManager = "kustomize-controller";

export interface Candidate {
  readonly desired: KubeObject;
  /** `unknown`: look first; undefined: believed absent, the dry-run tells. */
  readonly live: KubeObject | "unknown" | undefined;
}

export interface Checked {
  readonly desired: KubeObject;
  readonly live: KubeObject | undefined;
  readonly action: "created" | "configured" | "unchanged" | "skipped";
}

/** More does not help a two-core API server; less leaves it idle. */
const inFlight = 8;

/**
 * Writes nothing. The stage is refused as a whole when the server would refuse any of it.
 * @throws ReconcileError ReconciliationFailed with the first refusal in the order of the stage
 */
export async function dryRunStage(cluster: Cluster, candidates: readonly Candidate[]): Promise<readonly Checked[]> {
  const results: (Checked | ReconcileError)[] = [];
  const indexed = candidates.map((candidate, index) => ({ candidate, index }));
  await each(indexed, inFlight, async ({ candidate, index }) => {
    results[index] = await check(cluster, candidate).catch((error: unknown) =>
      refusal(candidate.desired, error, "dry-run"),
    );
  });
  const refused = results.find((result) => result instanceof ReconcileError);
  if (refused) throw refused;
  return results.filter((result): result is Checked => !(result instanceof ReconcileError));
}

async function check(cluster: Cluster, { desired: given, live: known }: Candidate): Promise<Checked> {
  await requireNamespace(cluster, given);
  const ref = refOf(given);
  let live = known === "unknown" || (!known && isCreatedOnly(given)) ? await look(cluster, ref) : known;
  if (isSkipped(given, live)) return { desired: given, live, action: "skipped" };
  const { desired, result } = await dryRun(cluster, given);
  if (!live) {
    // A dry-run of a creation has no version yet: one that has shows that somebody else's object bears the name.
    if (!result.metadata.resourceVersion) return { desired, live, action: "created" };
    live = await look(cluster, ref);
    if (!live) return { desired, live, action: "configured" };
    if (isSkipped(desired, live)) return { desired, live, action: "skipped" };
  }
  if (live.metadata.deletionTimestamp !== undefined)
    throw new KubeError(409, "Conflict", "object is being deleted, it is applied again when it is gone");
  const takesOver = !isMerged(desired, live) && needsTakeOver(live);
  return { desired, live, action: takesOver || hasDrifted(live, result) ? "configured" : "unchanged" };
}

/** Whoever may not read may still write, as in Flux; if not, the dry-run says so. */
async function look(cluster: Cluster, ref: ObjectRef): Promise<KubeObject | undefined> {
  try {
    return await cluster.get(ref);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "Forbidden") return undefined;
    throw error;
  }
}

function isSkipped(desired: KubeObject, live: KubeObject | undefined): boolean {
  return isIgnored(desired, live) || (live !== undefined && isCreatedOnly(desired));
}

/** Fields that the kind does not have are left out, level by level, as the server names them. */
async function dryRun(cluster: Cluster, given: KubeObject): Promise<{ desired: KubeObject; result: KubeObject }> {
  let desired = given;
  for (;;) {
    try {
      return {
        desired,
        result: await cluster.apply(desired, { fieldManager: applyManager, force: true, dryRun: true }),
      };
    } catch (error) {
      const rest = error instanceof KubeError ? withoutUndeclared(desired, error.message) : undefined;
      if (!rest) throw error;
      desired = rest;
    }
  }
}

async function requireNamespace(cluster: Cluster, { apiVersion, kind, metadata }: KubeObject): Promise<void> {
  if (metadata.namespace) return;
  const { namespaced } = await cluster.resource(apiVersion, kind);
  if (namespaced) throw new KubeError(404, "NotFound", "the server could not find the requested resource");
}

/**
 * Writes in the order given, one kind after the other; each object that was written is reported at once.
 * @throws ReconcileError ReconciliationFailed with a refusal, when all that was in flight has ended
 */
export async function applyStage(
  cluster: Cluster,
  writes: readonly Checked[],
  written: (index: number, live: KubeObject) => void,
): Promise<void> {
  const indexed = writes.map((write, index) => ({ write, index }));
  const problems: ReconcileError[] = [];
  for (const group of groupByKind(indexed, ({ write }) => write.desired.kind)) {
    await each(group, inFlight, async ({ write, index }) => {
      try {
        written(index, await applyOne(cluster, write));
      } catch (error) {
        problems.push(refusal(write.desired, error, "apply"));
      }
    });
    const [problem] = problems;
    if (problem) throw problem;
  }
}

async function applyOne(cluster: Cluster, { desired, live }: Checked): Promise<KubeObject> {
  if (live && !isMerged(desired, live) && needsTakeOver(live)) await takeOver(cluster, live, applyManager);
  return cluster.apply(desired, { fieldManager: applyManager, force: true });
}

/** The refusal in Flux's words; a server that cannot be asked and a defect of ours go on as they are. */
function refusal(object: KubeObject, error: unknown, verb: "dry-run" | "apply"): ReconcileError {
  if (error instanceof ReconcileError) return error;
  if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
  const words = verb === "apply" ? `apply failed: ${error.message}` : describe(object, error);
  return new ReconcileError("retry", "ReconciliationFailed", `${subject(object)} ${words}\n`, { cause: error });
}

function describe({ metadata }: KubeObject, { reason, message }: KubeError): string {
  if (reason === "NoMatch") return `dry-run failed: ${message}`;
  if (reason !== "NotFound") return `dry-run failed (${reason}): ${message}`;
  return metadata.namespace ? `not found: ${message}` : `namespace not specified: ${message}`;
}
