/**
 * Waits until objects are healthy: one WATCH per kind, opened before the objects are written, for an event often comes
 * before the reply to the write. Where a kind may not be watched it is asked for again and again.
 */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import { assessHealth, type Health } from "../health/assess-health.ts";
import { concludeHealth, type HealthConclusion } from "../health/conclude-health.ts";
import { formatId } from "../inventory/id.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { createBell } from "../runtime/bell.ts";
import type { Clock } from "../runtime/clock.ts";
import { createKnownHealth, type Judge, type Known, type KnownHealth } from "./known-health.ts";
import { createLooks } from "./look-at-health.ts";
import { isSelected, type Owned } from "./watch-scopes.ts";
import { createWatches } from "./watches.ts";

export interface Readiness {
  /** What the object will be like when it is written: one that will not be healthy at once is to be watched. */
  foresee(object: KubeObject): void;
  /** Opens what tells of the foreseen objects. */
  watch(): void;
  /** What a write or a list was answered with. */
  saw(object: KubeObject): void;
  /** The kind was listed at this version: a WATCH from it misses nothing since, and tells of nothing before. */
  listed(kind: string, resourceVersion: string): void;
  /** Ends when all is well, something failed or the time is over; with no time it is one look. */
  wait(targets: readonly ObjectRef[], options: WaitOptions): Promise<HealthConclusion>;
  close(): void;
}

export interface WaitOptions {
  readonly millis: number;
  /** Inventory ids of objects that go by themselves when they are done. */
  readonly vanishing?: ReadonlySet<string>;
  /** Ends with the first object that cannot become healthy; Flux's default. */
  readonly failFast?: boolean;
}

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly owned?: Owned;
  readonly judge?: Judge;
}

const unknown: Health = { status: "Unknown", message: "the API server has not told of it yet" };
const nothingOwned: Owned = { selector: undefined, has: () => false };

const firstPauseMillis = 100;
const longestPauseMillis = 1000;

export function createReadiness(cluster: Cluster, options: ReadinessOptions): Readiness {
  const { clock, judge = () => undefined } = options;
  const known = createKnownHealth(judge, clock.now);
  const owned = labelledOf(options.owned ?? nothingOwned, known);
  const versions = new Map<string, string>();
  const foreseen: ObjectRef[] = [];
  const bell = createBell(clock);
  const looks = createLooks(cluster, known, { clock, owned });
  const watches = createWatches(cluster, sinkOf(known, bell.ring), { clock, owned, versions });
  return {
    foresee: (object) => {
      const health = judge(object) ?? assessHealth(object, [], clock.now());
      if (health.status !== "Current") foreseen.push(refOf(object));
    },
    watch: () => void watches.open(foreseen.splice(0)),
    saw: (object) => void known.saw(object),
    listed: (kind, resourceVersion) => void versions.set(kind, resourceVersion),
    async wait(targets, wait) {
      const end = clock.now() + wait.millis;
      for (let pause = firstPauseMillis; ; pause = Math.min(pause * 2, longestPauseMillis)) {
        await looks.atAbsent(targets);
        await looks.atPods(targets);
        const conclusion = conclude(targets, known, wait);
        if (conclusion.kind !== "waiting" || clock.now() >= end) return conclusion;
        const polled = watches.open(conclusion.open);
        const until = Math.min(clock.now() + (polled.length > 0 ? pause : longestPauseMillis), end);
        const isOpen = openOf(conclusion.open, known);
        while ((await bell.wait(until - clock.now())) && isOpen() && clock.now() < until);
        if (clock.now() >= until) polled.forEach((ref) => known.forget(ref));
      }
    },
    close: () => watches.close(),
  };
}

/** One look, or a wait of its own, at objects that nobody has written just now. */
export async function lookAtHealth(
  cluster: Cluster,
  targets: readonly ObjectRef[],
  { clock, judge, ...wait }: WaitOptions & { readonly clock: Clock; readonly judge?: Judge },
): Promise<HealthConclusion> {
  const readiness = createReadiness(cluster, { clock, ...(judge ? { judge } : {}) });
  try {
    return await readiness.wait(targets, wait);
  } finally {
    readiness.close();
  }
}

/** The label of what is applied may be overwritten by the spec, or missing where an object is left as it was found. */
function labelledOf({ selector, has }: Owned, known: KnownHealth): Owned {
  const isLabelled = ({ labels }: Known) => selector !== undefined && isSelected(labels, selector);
  return {
    selector,
    has: (ref) => {
      const entry = known.of(ref);
      return has(ref) && (entry === undefined || isLabelled(entry));
    },
  };
}

function sinkOf(known: KnownHealth, ring: () => void): Parameters<typeof createWatches>[1] {
  return {
    saw: (object) => {
      if (known.saw(object)) ring();
    },
    left: (ref, isGone, version) => {
      if (isGone) known.gone(ref, version);
      else known.forget(ref);
      ring();
    },
    ended: () => {
      known.alarm();
      ring();
    },
  };
}

/** What nothing is known of even after a look is waited for like the rest, and no longer. */
function conclude(
  targets: readonly ObjectRef[],
  known: KnownHealth,
  { vanishing = new Set(), failFast = true }: WaitOptions,
): HealthConclusion {
  const assessed = targets.map((ref) => ({
    ref,
    health: known.of(ref)?.health ?? unknown,
    vanishesWhenDone: vanishing.has(formatId(ref)),
  }));
  return concludeHealth(assessed, { failFast });
}

/**
 * Whether an event can be passed over: the first of the open objects is in progress still, and none has failed or left.
 * Asked with every event, so it goes through the objects once.
 */
function openOf(open: readonly ObjectRef[], known: KnownHealth): () => boolean {
  let at = 0;
  const statusAt = (index: number) => {
    const ref = open[index];
    return ref && known.of(ref)?.health.status;
  };
  return () => {
    while (statusAt(at) === "Current") at += 1;
    return statusAt(at) === "InProgress" && !known.isAlarmed();
  };
}
