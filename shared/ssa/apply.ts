/** One stage of an apply: look and dry-run all of it, then write what differs. Messages are Flux's. */
import { type KubeObject, refOf, subject } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { each } from "../runtime/each.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { hasDrifted } from "./drift.ts";
import { needsTakeOver, takeOver } from "./field-managers.ts";
import { isCreatedOnly, isIgnored, isMerged } from "./toggles.ts";

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
    results[index] = await check(cluster, candidate).catch((error: unknown) => refusal(candidate.desired, error));
  });
  const refused = results.find((result) => result instanceof ReconcileError);
  if (refused) throw refused;
  return results.filter((result): result is Checked => !(result instanceof ReconcileError));
}

async function check(cluster: Cluster, { desired, live: given }: Candidate): Promise<Checked> {
  await requireNamespace(cluster, desired);
  const ref = refOf(desired);
  let live = given === "unknown" ? await cluster.get(ref) : given;
  if (isIgnored(desired, live)) return { desired, live, action: "skipped" };
  if (isCreatedOnly(desired)) {
    live ??= await cluster.get(ref);
    return { desired, live, action: live ? "skipped" : "created" };
  }
  const result = await cluster.apply(desired, { fieldManager: applyManager, force: true, dryRun: true });
  if (!live) {
    // A dry-run of a creation has no version yet: one that has shows that somebody else's object bears the name.
    if (!result.metadata.resourceVersion) return { desired, live, action: "created" };
    live = await cluster.get(ref);
    if (!live) return { desired, live, action: "created" };
    if (isIgnored(desired, live)) return { desired, live, action: "skipped" };
  }
  if (live.metadata.deletionTimestamp !== undefined)
    throw new KubeError(409, "Conflict", "object is being deleted, it is applied again when it is gone");
  const takesOver = !isMerged(desired, live) && needsTakeOver(live);
  return { desired, live, action: takesOver || hasDrifted(live, result) ? "configured" : "unchanged" };
}

async function requireNamespace(cluster: Cluster, { apiVersion, kind, metadata }: KubeObject): Promise<void> {
  if (metadata.namespace) return;
  const { namespaced } = await cluster.resource(apiVersion, kind);
  if (namespaced) throw new KubeError(400, "BadRequest", "namespace not specified");
}

/**
 * Writes one after the other, in the order given; each that was written is reported before the next is tried.
 * @throws ReconcileError ReconciliationFailed at the first that the server refuses
 */
export async function applyStage(
  cluster: Cluster,
  writes: readonly Checked[],
  written: (index: number, live: KubeObject) => void,
): Promise<void> {
  const indexed = writes.map((write, index) => ({ write, index }));
  const problems: (ReconcileError | undefined)[] = [];
  // Within one kind the order has no meaning, and an API server has more than one hand.
  for (const group of groupByKind(indexed)) {
    await each(group, inFlight, async ({ write, index }) => {
      try {
        written(index, await applyOne(cluster, write));
      } catch (error) {
        problems[index] = refusal(write.desired, error);
      }
    });
    const problem = problems.find((candidate) => candidate !== undefined);
    if (problem) throw problem;
  }
}

async function applyOne(cluster: Cluster, { desired, live }: Checked): Promise<KubeObject> {
  if (live && !isMerged(desired, live) && needsTakeOver(live)) await takeOver(cluster, live, applyManager);
  return cluster.apply(desired, { fieldManager: applyManager, force: true });
}

function groupByKind<T extends { readonly write: Checked }>(writes: readonly T[]): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let last = "";
  for (const entry of writes) {
    const { kind } = entry.write.desired;
    if (kind !== last) groups.push([]);
    groups.at(-1)?.push(entry);
    last = kind;
  }
  return groups;
}

/** The refusal in Flux's words; a lost connection and a defect of ours go on as they are. */
function refusal(object: KubeObject, error: unknown): ReconcileError {
  if (error instanceof ReconcileError) return error;
  if (!(error instanceof KubeError) || error.code === 0 || error.code === 401) throw error;
  return new ReconcileError("retry", "ReconciliationFailed", `${subject(object)} ${describe(error)}\n`, { cause: error });
}

function describe({ reason, message }: KubeError): string {
  if (reason === "NoMatch") return `dry-run failed: ${message}`;
  if (reason === "NotFound") return `not found: ${message}`;
  if (message === "namespace not specified") return message;
  return `dry-run failed (${reason}): ${message}`;
}
