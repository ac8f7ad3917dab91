/** B3 and B4: from a push to all of it applied, new objects and one changed object of a thousand. */
import { mkdtempSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { createGitRoot, startGitServer } from "../fakes/git-server.ts";
import { benchNamespace, benchPath, changedFile, nameOf, objectFiles } from "./content.ts";
import { createDriftlessSide } from "./driftless-side.ts";
import type { Figure, Target } from "./figure.ts";
import { createFluxSide } from "./flux-side.ts";
import type { Pushed, Side } from "./rig.ts";
import { versions } from "./versions.ts";

const counts = [1, 100, 1000] as const;
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
}

/** Every timed push of one side, by what was pushed; `kept` are the objects that B3 left alone, at the least. */
interface Record {
  readonly pushed: Map<string, Pushed[]>;
  kept: number;
}

export async function runPushBenches({ benches, rounds, progress }: PushRun): Promise<readonly Figure[]> {
  const scratch = useMemory();
  const git = createGitRoot();
  const server = await startGitServer(git.folder);
  const sides: Side[] = [];
  try {
    for (const create of [
      () => createFluxSide("flux", server, seeded(git, "flux"), scratch),
      () => createDriftlessSide("driftless", server, seeded(git, "driftless")),
    ])
      sides.push(await create());
    const records = new Map(sides.map((side) => [side.name, { pushed: new Map<string, Pushed[]>(), kept: Infinity }]));
    for (const side of sides)
      await side.push({
        [`${benchPath}/warm-up.yaml`]: objectFiles(1, "warm-up")[`${benchPath}/warm-up-0000.yaml`] ?? "",
      });
    for (let round = 0; round < rounds; round += 1)
      // Who begins changes from round to round.
      for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
        const record = records.get(side.name);
        if (record) await runRound(side, round, benches, record, progress);
      }
    const [flux, driftless] = [records.get("flux"), records.get("driftless")];
    return flux && driftless ? figuresOf(benches, driftless, flux) : [];
  } finally {
    for (const side of sides) await side.close();
    await server.close();
    git.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Where there is a file system in memory, everything lies there: a disk would measure itself, Flux's scratch above all. */
function useMemory(): string {
  const shared = "/dev/shm";
  const scratch = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), "driftless-bench-"));
  process.env["TMPDIR"] = scratch;
  return scratch;
}

function seeded(git: ReturnType<typeof createGitRoot>, name: string) {
  const repository = git.create(name);
  repository.commit({ [`${benchPath}/README.md`]: "The objects of the benches.\n" });
  return repository;
}

async function runRound(
  side: Side,
  round: number,
  benches: readonly string[],
  record: Record,
  progress: (line: string) => void,
): Promise<void> {
  const prune = async (files: object) => {
    await side.push(Object.fromEntries(Object.keys(files).map((path) => [path, null])));
    await versionsWhenQuiet(side);
  };
  const note = (what: string, pushed: Pushed) => {
    record.pushed.set(what, [...(record.pushed.get(what) ?? []), pushed]);
    const { seconds, sourceRequests, applyRequests } = pushed;
    progress(
      `${side.name}, round ${round + 1}: ${what} in ${seconds.toFixed(3)} s, ${sourceRequests} + ${applyRequests} requests`,
    );
  };
  for (const count of benches.includes("B4") ? counts : counts.slice(-1)) {
    const prefix = `r${round}-${count}`;
    const files = objectFiles(count, prefix);
    const created = await side.push(files);
    note(created4(count), created);
    if (count === 1000 && benches.includes("B3"))
      for (let change = 1; change <= changesPerRound; change += 1) {
        const before = await versionsWhenQuiet(side);
        note(changed, await side.push(changedFile(prefix, `${round}-${change}`)));
        record.kept = Math.min(record.kept, untouched(before, await versionsNow(side), nameOf(prefix, 0)));
      }
    await prune(files);
  }
}

const created4 = (count: number): string => `${count.toLocaleString("en-US")} new object${count === 1 ? "" : "s"}`;
const changed = "1 of 1,000 changed";

/** Resource version by kind and name, of everything in the namespace of the bench that is applied. */
async function versionsNow({ observer }: Side): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const [apiVersion, kind] of appliedKinds)
    for (const { metadata } of (
      await observer.list(apiVersion, kind, { namespace: benchNamespace, metadataOnly: true })
    ).items)
      found.set(`${kind}/${metadata.name}`, metadata.resourceVersion ?? "");
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

function untouched(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, except: string): number {
  return [...after].filter(([id, version]) => !id.endsWith(`/${except}`) && before.get(id) === version).length;
}

function figuresOf(benches: readonly string[], driftless: Record, flux: Record): readonly Figure[] {
  const { peerName } = versions();
  const both = (
    bench: string,
    what: string,
    metric: string,
    unit: Figure["unit"],
    of: (all: readonly Pushed[]) => number,
    target?: Target,
  ): Figure => ({
    bench,
    metric: `${what}, ${metric}`,
    unit,
    driftless: of(driftless.pushed.get(what) ?? []),
    peer: of(flux.pushed.get(what) ?? []),
    peerName,
    ...(target ? { target } : {}),
  });
  const figures: Figure[] = [];
  if (benches.includes("B3")) {
    figures.push(
      both("B3", changed, "push to applied, median", "s", medianSeconds, {
        relation: "<",
        value: 1,
        of: "ratio",
        promised: true,
      }),
      both("B3", changed, "push to applied, least", "s", leastSeconds, {
        relation: "<=",
        value: 0.25,
        of: "ratio",
        promised: false,
      }),
      both("B3", changed, "requests", "requests", mostRequests, {
        relation: "<=",
        value: 15,
        of: "value",
        promised: true,
      }),
      {
        bench: "B3",
        metric: `${changed}, others untouched`,
        unit: "objects",
        driftless: driftless.kept,
        peer: flux.kept,
        peerName,
        target: { relation: "=", value: 999, of: "value", promised: true },
      },
    );
  }
  if (benches.includes("B4"))
    for (const count of counts) {
      const what = created4(count);
      const isThousand = count === 1000;
      figures.push(
        both(
          "B4",
          what,
          "push to applied, median",
          "s",
          medianSeconds,
          isThousand ? { relation: "<=", value: 1, of: "ratio", promised: true } : undefined,
        ),
        both(
          "B4",
          what,
          "push to applied, least",
          "s",
          leastSeconds,
          isThousand ? { relation: "<=", value: 0.65, of: "ratio", promised: false } : undefined,
        ),
        both("B4", what, "requests", "requests", mostRequests, {
          relation: "<=",
          value: 2 * count + 12,
          of: "value",
          promised: true,
        }),
      );
    }
  return figures;
}

const leastSeconds = (all: readonly Pushed[]): number => Math.min(...all.map(({ seconds }) => seconds));

function medianSeconds(all: readonly Pushed[]): number {
  const sorted = all.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

const mostRequests = (all: readonly Pushed[]): number =>
  Math.max(...all.map(({ sourceRequests, applyRequests }) => sourceRequests + applyRequests));
