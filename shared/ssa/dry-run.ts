/** The first pass over a stage of an apply: looks at all of it and lets the server check what it would do. Messages are Flux's. */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { each } from "../runtime/each.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import {
  applyManager,
  asOurs,
  type Candidate,
  type Checked,
  defaultStageOptions,
  explained,
  inFlight,
  isTakenOver,
  refusalOf,
  type StageOptions,
} from "./apply.ts";
import { hasDrifted } from "./drift.ts";
import { foldMigrated, migrateApiVersion, reclaim } from "./field-managers.ts";
import { withLiveValues } from "./ignore.ts";
import { isImmutableError, isRefusedAnew } from "./recreate.ts";
import { isCreatedOnly, isForced, isIgnored, isMerged } from "./toggles.ts";
import { withoutUndeclared } from "./undeclared-fields.ts";

/**
 * Writes nothing but field ownership, and that only where the settings ask for it before the dry-run. The stage is
 * refused as a whole when the server would refuse any of it.
 * @throws ReconcileError ReconciliationFailed with the first refusal in the order of the stage
 */
export async function dryRunStage(
  cluster: Cluster,
  candidates: readonly Candidate[],
  options: Partial<StageOptions> = {},
): Promise<readonly Checked[]> {
  const stage = { ...defaultStageOptions, ...options };
  const results: (Checked | ReconcileError)[] = [];
  const indexed = candidates.map((candidate, index) => ({ candidate, index }));
  await each(indexed, inFlight, async ({ candidate, index }) => {
    results[index] = await check(cluster, candidate, stage).catch((error: unknown) =>
      refusalOf(candidate.desired, error, "dry-run"),
    );
  });
  const refused = results.find((result) => result instanceof ReconcileError);
  if (refused) throw refused;
  return results.filter((result): result is Checked => !(result instanceof ReconcileError));
}

async function check(
  cluster: Cluster,
  { desired: given, live: known }: Candidate,
  options: StageOptions,
): Promise<Checked> {
  await requireNamespace(cluster, given);
  const ref = refOf(given);
  let live = known === "unknown" || (!known && isSeenFirst(given, options)) ? await look(cluster, ref) : known;
  if (isSkipped(given, live)) return { desired: given, live, action: "skipped" };
  const prepared = live && (await prepare(cluster, given, live, options));
  live = prepared ?? live;
  const tried = await dryRun(cluster, given);
  const noted = isOfDroppedVersion(tried) ? await noteAnew(cluster, given, live, options) : undefined;
  live = noted ?? live;
  const { desired, result, refusal } = noted ? await dryRun(cluster, given) : tried;
  if (refusal) {
    if (!isImmutableError(refusal)) throw refusal;
    live ??= await look(cluster, ref);
    if (!live) throw refusal;
    if (isSkipped(desired, live)) return { desired, live, action: "skipped" };
    await requireRecreatable(cluster, desired, live, refusal, options);
    return { desired, live, action: "created", recreated: true };
  }
  options.foreseen(result);
  if (!live) {
    // A dry-run of a creation has no version yet: one that has shows that somebody else's object bears the name.
    if (!result.metadata.resourceVersion) return { desired, live, action: "created" };
    live = await look(cluster, ref);
    if (!live) return { desired, live, action: "configured" };
    if (isSkipped(desired, live)) return { desired, live, action: "skipped" };
  }
  if (live.metadata.deletionTimestamp !== undefined)
    throw new KubeError(409, "Conflict", "object is being deleted, it is applied again when it is gone");
  return compare(desired, live, result, { ...options, isPrepared: (prepared ?? noted) !== undefined });
}

/** The server would accept it: does anything change, and what is written then? */
function compare(
  desired: KubeObject,
  live: KubeObject,
  dryRun: KubeObject,
  { ignored, settings, isPrepared }: StageOptions & { readonly isPrepared: boolean },
): Checked {
  // Flux matches the targets of rules on the result of the dry-run.
  const pointers = ignored(dryRun);
  const takesOver = isTakenOver(desired, live, settings);
  if (!isPrepared && !takesOver && !hasDrifted(live, dryRun, pointers)) return { desired, live, action: "unchanged" };
  const own = live.metadata.managedFields ?? [];
  const owners = takesOver ? (foldMigrated(live, applyManager, settings.overrideManagers) ?? own) : own;
  const written = withLiveValues(desired, { live, owners, dryRun, manager: applyManager }, pointers);
  return { desired: written, live, dryRun, action: "configured" };
}

/** What has to happen to the live object, or to be known of it, before a dry-run tells the truth. */
function isSeenFirst(desired: KubeObject, { settings }: StageOptions): boolean {
  const { migrateApiVersion: migrates, overrideManagersBeforeDryRun } = settings;
  return isCreatedOnly(desired) || migrates || overrideManagersBeforeDryRun.length > 0;
}

/** @returns the object as it is then; undefined when nothing had to be written */
async function prepare(
  cluster: Cluster,
  desired: KubeObject,
  live: KubeObject,
  { settings, fence }: StageOptions,
): Promise<KubeObject | undefined> {
  if (live.metadata.deletionTimestamp !== undefined) return undefined;
  const { apiVersion } = desired;
  const { migrateApiVersion: migrates, overrideManagersBeforeDryRun: names } = settings;
  const write = async (verb: string, request: () => Promise<KubeObject | undefined>) => {
    fence();
    return await explained(live, verb, request);
  };
  const migrated = migrates
    ? await write("failed to migrate API version", () => migrateApiVersion(cluster, live, applyManager, apiVersion))
    : undefined;
  const seen = migrated ?? live;
  if (names.length === 0 || isMerged(desired, seen)) return migrated;
  const reclaimed = await write("metadata.managedFields takeover failed", () =>
    reclaim(cluster, seen, applyManager, names),
  );
  return reclaimed ?? migrated;
}

/** An owner is noted in a version that the definition has dropped since owners were last migrated: no apply can pass. */
const isOfDroppedVersion = ({ refusal }: DryRun): boolean =>
  refusal?.message.includes("request to convert CR to an invalid group/version") === true;

/** @returns the object as it is then; undefined when there is nothing to note anew */
async function noteAnew(
  cluster: Cluster,
  desired: KubeObject,
  known: KubeObject | undefined,
  { fence }: StageOptions,
): Promise<KubeObject | undefined> {
  const live = known ?? (await look(cluster, refOf(desired)));
  if (!live || isSkipped(desired, live) || live.metadata.deletionTimestamp !== undefined) return undefined;
  fence();
  return explained(live, "failed to migrate API version", () =>
    migrateApiVersion(cluster, live, applyManager, desired.apiVersion),
  );
}

/** @throws KubeError the refusal, where the object is not to be replaced or replacing it would not help */
async function requireRecreatable(
  cluster: Cluster,
  desired: KubeObject,
  live: KubeObject,
  refusal: KubeError,
  { force }: StageOptions,
): Promise<void> {
  if (!force && !isForced(desired, live)) throw refusal;
  const dryRun = (object: KubeObject) => cluster.apply(object, { ...asOurs, dryRun: true });
  if (await isRefusedAnew(dryRun, desired, live, refusal)) throw refusal;
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

type DryRun =
  | { readonly desired: KubeObject; readonly result: KubeObject; readonly refusal?: undefined }
  | { readonly desired: KubeObject; readonly result?: undefined; readonly refusal: KubeError };

/** Fields that the kind does not have are left out, level by level, as the server names them. */
async function dryRun(cluster: Cluster, given: KubeObject): Promise<DryRun> {
  let desired = given;
  for (;;) {
    try {
      return { desired, result: await cluster.apply(desired, { ...asOurs, dryRun: true }) };
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const rest = withoutUndeclared(desired, error.message);
      if (!rest) return { desired, refusal: error };
      desired = rest;
    }
  }
}

async function requireNamespace(cluster: Cluster, { apiVersion, kind, metadata }: KubeObject): Promise<void> {
  if (metadata.namespace) return;
  const { namespaced } = await cluster.resource(apiVersion, kind);
  if (namespaced) throw new KubeError(404, "NotFound", "the server could not find the requested resource");
}
