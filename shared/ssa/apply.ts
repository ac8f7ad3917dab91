/** The second pass over a stage of an apply (the first is dry-run.ts): writes what differs. Messages are Flux's. */
import { type KubeObject, subject } from "../api/kube-object.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { type ApplySettings, defaultApplySettings } from "../config/apply-settings.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { each } from "../runtime/each.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { needsTakeOver, takeOver } from "./field-managers.ts";
import { groupByKind } from "./group-by-kind.ts";
import { ignoreNothing, type IgnoredFields } from "./ignore.ts";
import { goneMillis, removeForGood } from "./recreate.ts";
import { isMerged } from "./toggles.ts";

export const applyManager = "kustomize-controller";
export const asOurs = { fieldManager: applyManager, force: true } as const;

export interface Candidate {
  readonly desired: KubeObject;
  /** `unknown`: look first; undefined: believed absent, the dry-run tells. */
  readonly live: KubeObject | "unknown" | undefined;
}

export interface Checked {
  /** What is written: undeclared and ignored fields are settled. */
  readonly desired: KubeObject;
  readonly live: KubeObject | undefined;
  readonly action: "created" | "configured" | "unchanged" | "skipped";
  /** What the server would make of the live object, where it differs. */
  readonly dryRun?: KubeObject;
  /** `live` is deleted first, for a field that must not change. */
  readonly recreated?: boolean;
}

export interface StageOptions {
  /** Objects are deleted and created again where a field must not change; each may ask for it by itself too. */
  readonly force: boolean;
  readonly ignored: IgnoredFields;
  readonly settings: ApplySettings;
  readonly clock: Clock;
  /** Called before each deletion, each creation after one, and each write of a dry-run; throws when the lease may have passed on. */
  readonly fence: () => void;
  /** Told of each object as a dry-run shows it. */
  readonly foreseen: (object: KubeObject) => void;
}

export const defaultStageOptions: StageOptions = {
  force: false,
  ignored: ignoreNothing,
  settings: defaultApplySettings,
  clock: systemClock,
  fence: () => undefined,
  foreseen: () => undefined,
};

/** More does not help a two-core API server; less leaves it idle. */
export const inFlight = 8;

/**
 * Writes in the order given, one kind after the other; each object that was written is reported at once.
 * @throws ReconcileError ReconciliationFailed with a refusal, when all that was in flight has ended
 */
export async function applyStage(
  cluster: Cluster,
  writes: readonly Checked[],
  written: (index: number, live: KubeObject) => void,
  options: Partial<StageOptions> = {},
): Promise<void> {
  const stage = { ...defaultStageOptions, ...options };
  const indexed = writes.map((write, index) => ({ write, index }));
  const problems: ReconcileError[] = [];
  // One wait for all that are deleted, from the first of them on.
  let until: number | undefined;
  const goneUntil = () => (until ??= stage.clock.now() + goneMillis);
  for (const group of groupByKind(indexed, ({ write }) => write.desired.kind)) {
    await each(group, inFlight, async ({ write, index }) => {
      try {
        written(index, await applyOne(cluster, write, stage, goneUntil));
      } catch (error) {
        problems.push(refusalOf(write.desired, error, "apply"));
      }
    });
    const [problem] = problems;
    if (problem) throw problem;
  }
}

/**
 * A run that is killed between deletion and creation leaves the object in the inventory, which was saved before: the next
 * run finds it absent and creates it.
 */
async function applyOne(
  cluster: Cluster,
  { desired, live, recreated = false }: Checked,
  { settings, clock, fence }: StageOptions,
  goneUntil: () => number,
): Promise<KubeObject> {
  if (live && recreated) {
    await removeForGood(cluster, live, { clock, fence, until: goneUntil() });
    fence();
  } else if (live && isTakenOver(desired, live, settings))
    await takeOver(cluster, live, applyManager, settings.overrideManagers);
  return cluster.apply(desired, asOurs);
}

export const isTakenOver = (desired: KubeObject, live: KubeObject, { overrideManagers }: ApplySettings): boolean =>
  !isMerged(desired, live) && needsTakeOver(live, overrideManagers);

/** The refusal in Flux's words; a server that cannot be asked and a defect of ours go on as they are. */
export function refusalOf(object: KubeObject, error: unknown, verb: "dry-run" | "apply"): ReconcileError {
  if (error instanceof ReconcileError) return error;
  if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
  const words = verb === "apply" ? `apply failed: ${error.message}` : describe(object, error);
  return failed(object, words, error);
}

export async function explained<T>(object: KubeObject, verb: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    throw failed(object, `${verb}: ${error.message}`, error);
  }
}

const failed = (object: KubeObject, words: string, cause?: KubeError): ReconcileError =>
  new ReconcileError("retry", "ReconciliationFailed", `${subject(object)} ${words}\n`, cause ? { cause } : {});

function describe({ metadata }: KubeObject, { reason, message }: KubeError): string {
  if (reason === "NoMatch" || reason === "") return `dry-run failed: ${message}`;
  if (reason !== "NotFound") return `dry-run failed (${reason}): ${message}`;
  return metadata.namespace ? `not found: ${message}` : `namespace not specified: ${message}`;
}
