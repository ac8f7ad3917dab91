/**
 * The part of a sweep that looks elsewhere: objects of Kustomizations with a `kubeConfig`, one connection for all that
 * share a way in. A spoke that is slow, down or hostile costs a bounded time and nothing of the hub's own sweep.
 */
import type { Kustomization } from "../api/kustomization.ts";
import { parseKustomization } from "../api/kustomization.ts";
import { applySettingsOf, type FluxSettings } from "../config/flux-settings.ts";
import { bindSignal } from "../kubernetes/bind-signal.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { createFollower } from "../kubernetes/follow.ts";
import type { Spoke, Spokes } from "../kubernetes/spokes.ts";
import type { AppliedStates } from "../kustomize/applied-state.ts";
import { openKubeConfig } from "../kustomize/kube-config.ts";
import { serviceAccountOf } from "../kustomize/service-account.ts";
import { spokeServer } from "../kustomize/target.ts";
import type { Clock } from "../runtime/clock.ts";
import { each } from "../runtime/each.ts";
import type { Log } from "../runtime/log.ts";
import { type CleanVersions, type Drifted, findDrift, isLookedAt } from "./drift.ts";
import type { FluxObject } from "./due.ts";

export interface SpokeSweepPorts {
  /** The hub, read only. */
  readonly hub: Cluster;
  readonly spokes: Spokes;
  readonly states: AppliedStates;
  readonly settings: FluxSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the whole sweep. */
  readonly signal: AbortSignal;
}

/** By the API server's kube-system uid. */
export type CleanSpokes = Readonly<Record<string, CleanVersions>>;

export interface SpokeLook {
  readonly drifted: readonly Drifted[];
  readonly clean: CleanSpokes;
}

const inFlight = 8;
const spokeMillis = 8_000;
/** For all of them: those that it does not reach are first another time. */
const allMillis = 20_000;

interface Group {
  readonly spoke: Spoke;
  /** The same under the identity that applies. */
  readonly cluster: Cluster;
  readonly members: FluxObject[];
}

export async function lookAtSpokes(
  objects: readonly FluxObject[],
  before: CleanSpokes,
  ports: SpokeSweepPorts,
): Promise<SpokeLook> {
  const groups = await openGroups(objects.filter(appliesElsewhere), ports);
  const drifted: Drifted[] = [];
  const clean: Record<string, CleanVersions> = { ...before };
  const fresh = new Set<string>();
  const end = ports.clock.now() + allMillis;
  await each(rotated(groups, ports.clock), inFlight, async (group) => {
    if (ports.clock.now() >= end) return;
    const found = await isolated(group.members, ports, async (signal) => {
      const cluster = bindSignal(group.cluster, signal);
      const server = await spokeServer(group.spoke, bindSignal(group.spoke.cluster, signal));
      // Nobody proves how far a spoke has come: it is listed each time.
      const follower = createFollower(
        cluster,
        {},
        { now: ports.clock.now(), silenceMillis: undefined, newest: undefined },
      );
      const look = await findDrift(group.members, before[server] ?? {}, {
        cluster,
        follower,
        server,
        states: ports.states,
        settings: applySettingsOf(ports.settings),
      });
      return { server, look };
    });
    if (!found) return;
    const { server, look } = found;
    if (look.unseen.length > 0)
      ports.log("kinds not seen", { key: group.members[0]?.key ?? "", message: look.unseen.join("; ") });
    drifted.push(...look.drifted);
    clean[server] = fresh.has(server) ? { ...clean[server], ...look.clean } : look.clean;
    fresh.add(server);
  });
  return { drifted, clean: groups.length === 0 ? {} : clean };
}

export const appliesElsewhere = ({ object }: FluxObject): boolean =>
  (object.spec as { kubeConfig?: unknown } | undefined)?.kubeConfig !== undefined;

/** One question to the hub for each Secret or ConfigMap, one group for each way in that they hold. */
async function openGroups(objects: readonly FluxObject[], ports: SpokeSweepPorts): Promise<readonly Group[]> {
  const opened = new Map<string, Promise<Spoke | undefined>>();
  const groups = new Map<string, Group>();
  await each(
    objects.filter(({ object }) => isLookedAt(object)),
    inFlight,
    async (member) => {
      const parsed = parseKustomization(member.object);
      if (!parsed.ok || !parsed.value.spec.kubeConfig) return;
      const { namespace } = parsed.value.metadata;
      const { kubeConfig } = parsed.value.spec;
      const reference = JSON.stringify([namespace, kubeConfig]);
      const opening =
        opened.get(reference) ?? isolated([member], ports, () => openKubeConfig(kubeConfig, namespace, ports));
      opened.set(reference, opening);
      const spoke = await opening;
      if (!spoke) return;
      const user = userOf(parsed.value, spoke, ports.settings);
      const name = `${spoke.identity} ${user ?? ""}`;
      const group = groups.get(name) ?? {
        spoke,
        cluster: user === undefined ? spoke.cluster : spoke.cluster.as(user),
        members: [],
      };
      group.members.push(member);
      groups.set(name, group);
    },
  );
  return [...groups.values()];
}

/** The sweep's role of a member reads all and may be nobody else. */
function userOf(kustomization: Kustomization, { member }: Spoke, settings: FluxSettings): string | undefined {
  const account = serviceAccountOf(kustomization, settings);
  if (member !== undefined || account === undefined) return undefined;
  return `system:serviceaccount:${kustomization.metadata.namespace}:${account}`;
}

/** What goes wrong over there is told and left: whoever runs that server must not be able to end the hub's sweep. */
async function isolated<T>(
  members: readonly FluxObject[],
  { signal, log }: SpokeSweepPorts,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const limit = AbortSignal.timeout(spokeMillis);
  try {
    return await work(AbortSignal.any([signal, limit]));
  } catch (error) {
    if (signal.aborted) throw error;
    const message = limit.aborted
      ? `no answer within ${spokeMillis / 1000} s`
      : String(error instanceof Error ? error.message : error);
    log("spoke not swept", { key: members[0]?.key ?? "", objects: members.length, message });
    return undefined;
  }
}

/** Begins with another one each minute, so that none is always the last. */
function rotated<T>(groups: readonly T[], { now }: Clock): readonly T[] {
  const start = Math.floor(now() / 60_000) % Math.max(1, groups.length);
  return [...groups.slice(start), ...groups.slice(0, start)];
}
