/** B9 and B10: many Kustomizations that wait for their objects, all Ready; how soon a ready object is noticed. */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { assessHealth } from "../../shared/health/assess-health.ts";
import { each } from "../../shared/runtime/each.ts";
import { createGitRoot, startGitServer } from "../fakes/git-server.ts";
import { versions } from "../real/versions.ts";
import { benchNamespace } from "./content.ts";
import type { Figure } from "./figure.ts";
import { type PushRun, useMemory } from "./push.ts";
import { fluxNamespace } from "./rig.ts";
import { benchLabel, waitFiles, waitingKustomization, waitName } from "./wait-content.ts";
import { type WaitRecord, waitFigures } from "./wait-figures.ts";
import { createDriftlessWaitSide, createFluxWaitSide, type WaitSide } from "./wait-sides.ts";

/** Both sides get their Kustomizations this many at a time. */
const submittedAtOnce = 4;
const readyWithinMillis = 900_000;
const idleCount = 15;

export interface WaitRun extends PushRun {
  readonly sizes: readonly number[];
}

export async function runWaitBenches(run: WaitRun): Promise<readonly Figure[]> {
  const scratch = useMemory();
  const git = createGitRoot();
  const server = await startGitServer(git.folder);
  const repository = git.create("wait");
  repository.commit(waitFiles(Math.max(idleCount, ...run.sizes)));
  try {
    const flux = await measure(run, () => createFluxWaitSide(server, repository, scratch));
    const driftless = await measure(run, () => createDriftlessWaitSide(server, repository));
    return waitFigures(run.benches, run.sizes, driftless, flux, versions().peerName);
  } finally {
    await server.close();
    git.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** One after the other: two API servers with their controllers are too many for a small machine. */
async function measure(run: WaitRun, start: () => Promise<WaitSide>): Promise<WaitRecord> {
  const side = await start();
  try {
    const record: WaitRecord = { idle: [], all: new Map() };
    if (run.benches.includes("B10")) record.idle.push(...(await oneByOne(side)));
    if (run.benches.includes("B9"))
      for (const size of run.sizes) {
        // The second time everything was built before.
        const cold = await allAtOnce(side, size, run);
        await removeAll(side);
        const cached = await allAtOnce(side, size, run);
        await removeAll(side);
        record.all.set(size, { cold, cached });
        run.progress(`${side.name}: ${size} in ${cold.seconds.toFixed(1)} s, again in ${cached.seconds.toFixed(1)} s`);
      }
    return record;
  } finally {
    await side.close();
  }
}

export interface Measured {
  readonly seconds: number;
  readonly requests: number;
  /** From the moment at which a Deployment is healthy until its Kustomization is Ready, in milliseconds. */
  readonly noticed: readonly number[];
}

async function allAtOnce(side: WaitSide, count: number, run: WaitRun): Promise<Measured> {
  run.signal.throwIfAborted();
  const names = Array.from({ length: count }, (_, index) => waitName(index));
  await side.takeRequests();
  const seen = await observe(side, names);
  const from = performance.now();
  await each(names, submittedAtOnce, (name) => submit(side, name));
  const noticed = await seen.ready;
  const seconds = (performance.now() - from) / 1000;
  return { seconds, requests: await side.takeRequests(), noticed };
}

async function oneByOne(side: WaitSide): Promise<readonly number[]> {
  const noticed: number[] = [];
  for (let index = 0; index < idleCount; index += 1) {
    const names = [waitName(index)];
    const seen = await observe(side, names);
    await each(names, 1, (name) => submit(side, name));
    noticed.push(...(await seen.ready));
  }
  await removeAll(side);
  return noticed;
}

async function submit(side: WaitSide, name: string): Promise<void> {
  await side.observer.apply(waitingKustomization(name), { fieldManager: "bench", force: true });
  await side.tell(name);
}

/** Opens its WATCHes now; `ready` ends when all are Ready, with the milliseconds that each took to notice its Deployment. */
async function observe(
  { observer }: WaitSide,
  names: readonly string[],
): Promise<{ ready: Promise<readonly number[]> }> {
  const over = new AbortController();
  const healthy = new Map<string, number>();
  const ready = new Map<string, number>();
  const wanted = new Set(names);
  const follow = async (apiVersion: string, kind: string, namespace: string, into: Map<string, number>) => {
    const { resourceVersion } = await observer.list(apiVersion, kind, { namespace, limit: 1, metadataOnly: true });
    const events = observer.watch(apiVersion, kind, { namespace, resourceVersion, signal: over.signal });
    return async () => {
      for await (const { type, object } of events) {
        const { name } = object.metadata;
        if (type === "DELETED" || !wanted.has(name) || into.has(name)) continue;
        if (isHealthy(object)) into.set(name, performance.now());
        if (ready.size === names.length) over.abort();
      }
    };
  };
  const followers = [
    await follow("apps/v1", "Deployment", benchNamespace, healthy),
    await follow(kustomizationApiVersion, kustomizationKind, fluxNamespace, ready),
  ];
  const late = setTimeout(() => over.abort(), readyWithinMillis);
  const all = async () => {
    await Promise.all(followers.map((begin) => begin()));
    clearTimeout(late);
    if (ready.size < names.length) throw new Error(`${ready.size} of ${names.length} Kustomizations became Ready`);
    return names.map((name) => Math.max(0, (ready.get(name) ?? NaN) - (healthy.get(name) ?? NaN)));
  };
  return { ready: all() };
}

/** A Kustomization says by its Ready condition, which it has from the beginning on both sides. */
function isHealthy(object: KubeObject): boolean {
  const { conditions = [] } = (object.status ?? {}) as {
    readonly conditions?: readonly { type: string; status: string }[];
  };
  if (object.kind !== kustomizationKind) return assessHealth(object).status === "Current";
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

async function removeAll({ observer, tell }: WaitSide): Promise<void> {
  const options = { namespace: fluxNamespace, labelSelector: benchLabel, metadataOnly: true };
  for (;;) {
    const { items } = await observer.list(kustomizationApiVersion, kustomizationKind, options);
    if (items.length === 0) return;
    await each(items, submittedAtOnce, async ({ metadata: { name, deletionTimestamp } }) => {
      if (deletionTimestamp === undefined)
        await observer.delete({
          apiVersion: kustomizationApiVersion,
          kind: kustomizationKind,
          namespace: fluxNamespace,
          name,
        });
      await tell(name);
    });
    await pause(1000);
  }
}
