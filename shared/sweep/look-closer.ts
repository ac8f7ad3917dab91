/** What only a comparison with the last sweep shows: changed inputs, and drift, here and in spokes. Remembers what it saw. */
import { isDeepStrictEqual } from "node:util";

import { applySettingsOf, defaultFluxSettings, type FluxSettings } from "../config/flux-settings.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import { createAppliedStates } from "../kustomize/applied-state.ts";
import { each } from "../runtime/each.ts";
import { readInventory, refOfId } from "../inventory/id.ts";
import { askForRecheck } from "../kustomize/recheck.ts";
import { type Drifted, findDrift } from "./drift.ts";
import type { FluxObject } from "./due.ts";
import { findChangedInputs } from "./inputs.ts";
import { saveMemory, type SweepMemory } from "./memory.ts";
import { findRechecks } from "./rechecks.ts";
import { appliesElsewhere, lookAtSpokes } from "./spokes.ts";
import { groupsOf, lookAround } from "./surroundings.ts";
import type { SweepPorts } from "./sweep.ts";

export interface Look {
  readonly cluster: string;
  /** As incarnation.ts names it. */
  readonly server: string;
  /** Read only. */
  readonly reader: Cluster;
  /** Of the same cluster. */
  readonly follower: Follower;
  readonly memory: SweepMemory;
  readonly settings: FluxSettings | undefined;
  readonly signal: AbortSignal;
  /** What objects were just told of; see close-look.ts. */
  readonly told: Readonly<Record<string, string>>;
}

/** Requests to the queues at a time. */
const inFlight = 16;

export async function lookCloser(
  objects: readonly FluxObject[],
  { cluster, server, reader, follower, memory, settings = defaultFluxSettings(), signal, told }: Look,
  ports: SweepPorts,
): Promise<void> {
  const { blobs, clock, log, trigger } = ports;
  const states = createAppliedStates(blobs);
  const key = `${cluster}/sweep`;
  const inputs = await findChangedInputs(objects, memory.inputs ?? {}, { follower, settings });
  if (inputs.unseen.length > 0) log("inputs not seen", { key, message: inputs.unseen.join("; ") });
  await each(inputs.changed, inFlight, (changed) => trigger(changed, "input", { uid: server }));
  const here = objects.filter((object) => !appliesElsewhere(object));
  const own = { cluster: reader, follower, states, server, settings: applySettingsOf(settings) };
  const { drifted, clean, unseen } = await findDrift(here, memory.clean, own);
  if (unseen.length > 0) log("kinds not seen", { key, message: unseen.join("; ") });
  await wake(drifted, server, ports);
  const spokes = ports.spokes(cluster);
  const elsewhere = await lookAtSpokes(objects, memory.spokes ?? {}, {
    ...{ hub: reader, spokes, states, settings, clock, log, signal },
  });
  await wake(elsewhere.drifted, server, ports);
  const { surroundings, rechecks } = await recheck(objects, { reader, follower, memory, server }, ports);
  const views = follower.kept();
  const seen: SweepMemory = {
    v: 1,
    server,
    clean,
    ...(isEmpty(elsewhere.clean) ? {} : { spokes: elsewhere.clean }),
    ...(isEmpty(inputs.versions) ? {} : { inputs: inputs.versions }),
    ...(isEmpty(views) ? {} : { views }),
    ...(isEmpty(surroundings) ? {} : { surroundings }),
    rechecks,
    ...(isEmpty(told) ? {} : { told }),
  };
  if (!isDeepStrictEqual(memory, seen)) await saveMemory(blobs, cluster, seen);
}

/** What no write to an object shows. */
async function recheck(
  objects: readonly FluxObject[],
  { reader, follower, memory, server }: Pick<Look, "reader" | "follower" | "memory" | "server">,
  { table, clock, log, trigger }: SweepPorts,
): Promise<Required<Pick<SweepMemory, "surroundings" | "rechecks">>> {
  const here = objects.filter((object) => !appliesElsewhere(object));
  const refs = here.flatMap(({ object }) => readInventory(object.status).map(refOfId));
  const around = { cluster: reader, follower, now: clock.now() };
  const surroundings = await lookAround(memory.surroundings ?? {}, groupsOf(refs), around);
  const now = Math.floor(clock.now() / 1000);
  const { keys, rechecks } = findRechecks(objects, memory.rechecks, surroundings, now);
  await each(keys, inFlight, async (key) => {
    log("rechecked", { key });
    await askForRecheck(table, key, now);
    await trigger(key, "recheck", { uid: server });
  });
  return { surroundings, rechecks };
}

const isEmpty = (record: object): boolean => Object.keys(record).length === 0;

async function wake(drifted: readonly Drifted[], server: string, { log, trigger }: SweepPorts): Promise<void> {
  await each(drifted, inFlight, async ({ key, ids }) => {
    log("moved", { key, objects: ids.length, first: ids[0] });
    await trigger(key, "drift", { uid: server });
  });
}
