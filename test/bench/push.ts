/** B3 and B4: from a push to all of it applied, new objects and one changed object of a thousand. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { createGitRoot, startGitServer } from "../fakes/git-server.ts";
import { benchNamespace, benchPath, changedFile, objectFiles } from "./content.ts";
import { createDriftlessSide } from "./driftless-side.ts";
import type { Figure } from "./figure.ts";
import { createFluxSide } from "./flux-side.ts";
import { changed, counts, created, type PushRecord, pushFigures } from "./push-figures.ts";
import type { Pushed, Side } from "./rig.ts";
import { versions } from "../real/versions.ts";

const changesPerRound = 2;
const appliedKinds = [
  ["v1", "ConfigMap"],
  ["v1", "Service"],
  ["v1", "ServiceAccount"],
  ["apps/v1", "Deployment"],
] as const;

export interface PushRun {
  readonly benches: readonly string[];
  readonly rounds: number;
  readonly progress: (line: string) => void;
  /** Ends the run; what it started is stopped all the same. */
  readonly signal: AbortSignal;
}

interface Measured {
  readonly side: Side;
  readonly record: PushRecord;
}

export async function runPushBenches(run: PushRun): Promise<readonly Figure[]> {
  const scratch = useMemory();
  const git = createGitRoot();
  const server = await startGitServer(git.folder);
  const starting: Promise<Side>[] = [];
  const start = (side: Promise<Side>): Promise<Side> => {
    starting.push(side);
    return side;
  };
  const interrupted = new Promise<never>((_, reject) => {
    run.signal.addEventListener("abort", () => reject(new Error("interrupted")), { once: true });
  });
  const measure = async () => {
    const flux = await start(createFluxSide("flux", server, seeded(git, "flux"), scratch));
    const driftless = await start(createDriftlessSide("driftless", server, seeded(git, "driftless")));
    const measured = (side: Side): Measured => ({ side, record: { pushed: new Map(), untouched: Infinity } });
    const [ofFlux, ofDriftless] = [measured(flux), measured(driftless)];
    await alternate([ofFlux, ofDriftless], run);
    return pushFigures(run.benches, ofDriftless.record, ofFlux.record, versions().peerName);
  };
  try {
    return await Promise.race([measure(), interrupted]);
  } finally {
    // One that is still starting is stopped as soon as it has started.
    for (const side of await Promise.allSettled(starting)) if (side.status === "fulfilled") await side.value.close();
    await server.close();
    git.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function alternate(measured: readonly Measured[], run: PushRun): Promise<void> {
  for (const { side } of measured) await side.push(objectFiles(1, "warm-up"));
  for (let round = 0; round < run.rounds; round += 1)
    // Who begins changes from round to round.
    for (const each of round % 2 === 0 ? measured : [...measured].reverse()) await runRound(each, round, run);
}

/** Where there is a file system in memory, everything lies there: a disk would measure itself, Flux's scratch above all. */
export function useMemory(): string {
  const shared = "/dev/shm";
  const scratch = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), "driftless-bench-"));
  process.env.TMPDIR = scratch;
  return scratch;
}

function seeded(git: ReturnType<typeof createGitRoot>, name: string) {
  const repository = git.create(name);
  repository.commit({ [`${benchPath}/README.md`]: "The objects of the benches.\n" });
  return repository;
}

async function runRound({ side, record }: Measured, round: number, { benches, progress }: PushRun): Promise<void> {
  const note = (what: string, pushed: Pushed) => {
    record.pushed.set(what, [...(record.pushed.get(what) ?? []), pushed]);
    const { seconds, sourceRequests, applyRequests } = pushed;
    const requests = `${sourceRequests} + ${applyRequests} requests`;
    progress(`${side.name}, round ${round + 1}: ${what} in ${seconds.toFixed(3)} s, ${requests}`);
  };
  for (const count of benches.includes("B4") ? counts : counts.slice(-1)) {
    const prefix = `r${round}-${count}-`;
    const files = objectFiles(count, prefix);
    note(created(count), await side.push(files));
    for (let change = 0; change < (count === 1000 && benches.includes("B3") ? changesPerRound : 0); change += 1) {
      const before = await versionsWhenQuiet(side);
      note(changed, await side.push(changedFile(prefix, `${round}-${change}`)));
      record.untouched = Math.min(record.untouched, untouched(before, await versionsNow(side), prefix));
    }
    await side.push(Object.fromEntries(Object.keys(files).map((path) => [path, null])));
    await versionsWhenQuiet(side);
  }
}

/** Resource version by kind and name, of everything in the namespace of the bench that is applied. */
async function versionsNow({ observer }: Side): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const [apiVersion, kind] of appliedKinds) {
    const list = await observer.list(apiVersion, kind, { namespace: benchNamespace, metadataOnly: true });
    for (const { metadata } of list.items) found.set(`${kind}/${metadata.name}`, metadata.resourceVersion ?? "");
  }
  return found;
}

/** Kubernetes' own controllers have had their say about what was applied or deleted. */
async function versionsWhenQuiet(side: Side): Promise<ReadonlyMap<string, string>> {
  const state = async () => {
    const replicaSets = await side.observer.list("apps/v1", "ReplicaSet", {
      namespace: benchNamespace,
      metadataOnly: true,
    });
    return { versions: await versionsNow(side), replicaSets: replicaSets.items.length };
  };
  for (let before = await state(); ;) {
    await pause(500);
    const now = await state();
    if (now.replicaSets === before.replicaSets && untouched(before.versions, now.versions, "") === now.versions.size)
      return now.versions;
    before = now;
  }
}

/** Objects of this prefix at the version of before; the one that was changed must not be among them. */
function untouched(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, prefix: string): number {
  return [...after].filter(([id, version]) => id.includes(`/${prefix}`) && before.get(id) === version).length;
}
