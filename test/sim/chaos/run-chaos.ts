/** One run of chaos: a storm over a fleet that people keep pushing to, until enough workers have died; then calm, and a look. */
import type { Faults } from "../kernel.ts";
import { noFaults } from "../kernel.ts";
import { noQueueFaults } from "../queue.ts";
import { createRandom } from "../random.ts";
import { createFleetScript, type FleetScript } from "./fleet-script.ts";
import { type Findings, isClean, verify } from "./verify.ts";
import { calmDown, type Weather } from "./weather.ts";
import { createSimWorld, type SimWorld } from "./world.ts";

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  readonly say?: (line: string) => void;
}

export interface ChaosResult {
  readonly kills: number;
  readonly findings: Findings;
  /** Minutes of calm after which everything was as in Git; undefined when it never was. */
  readonly healedAfterMinutes: number | undefined;
  readonly digest: string;
  readonly world: SimWorld;
}

const MINUTE = 60_000;
const names = ["a", "b"];
const stormFaults: Faults = { kill: 0.015, lostReply: 0.015, pause: 0.002, refuse: 0.002, skewMs: 1_000 };
const stormQueue = { lost: 0.04, doubled: 0.06, lateMs: 20_000 };
/** An object whose workers died five times rests for an hour. */
const patienceMinutes = 75;

export async function runChaos({ kills, seed, say = () => undefined }: ChaosOptions): Promise<ChaosResult> {
  const world = createSimWorld({ seed, clusters: names, account: 10, killLimit: kills });
  const { simulation, queues, weather } = world;
  // The people have dice of their own: how often an engine's call fails does not change what they do.
  const people = createRandom(seed ^ 0x5eed);
  const script = createFleetScript(people, names);
  world.push(script.files());
  await world.run(5 * MINUTE);
  startStorm(weather);
  simulation.setFaults(stormFaults);
  queues.setFaults(stormQueue);
  let isStorm = true;
  keepPushing(world, script, people, () => isStorm, say);
  keepMeddling(world, people, () => isStorm);
  keepBreaking(world, people, () => isStorm);

  while (simulation.counts.kills < kills) await world.run(10_000);
  isStorm = false;
  simulation.setFaults(noFaults);
  queues.setFaults(noQueueFaults);
  calmDown(weather);
  script.mend();
  world.push(script.files());
  say(`calm after ${minutesOf(world)} min and ${simulation.counts.calls} calls`);
  const healedAfterMinutes = await heal(world, say);
  return {
    kills: simulation.counts.kills,
    findings: verify(world),
    healedAfterMinutes,
    digest: simulation.trace().toString(16).padStart(8, "0"),
    world,
  };
}

/** Looks once a minute; what is well once must still be ten minutes later. */
async function heal(world: SimWorld, say: (line: string) => void): Promise<number | undefined> {
  for (let minute = 1; minute <= patienceMinutes; minute++) {
    await world.run(MINUTE);
    if (!isClean(verify(world))) continue;
    say(`as in Git after ${minute} min of calm`);
    await world.run(10 * MINUTE);
    return minute;
  }
  return undefined;
}

function startStorm(weather: Weather): void {
  Object.assign(weather, {
    indexLagMs: 5_000,
    tickLateMs: 59_000,
    tickMissed: 0.1,
    webhookLost: 0.1,
    renderThrottled: 0.05,
    freeze: 0.003,
  });
}

const minutesOf = ({ simulation }: SimWorld): number => Math.round((simulation.now() - 1_800_000_000_000) / MINUTE);

function keepPushing(
  world: SimWorld,
  script: FleetScript,
  people: SimWorld["simulation"]["random"],
  goesOn: () => boolean,
  say: (line: string) => void,
): void {
  // Corrections follow quickly, often they take all back; then there is a pause.
  const next = (isHot: boolean) => {
    const pause = isHot ? people.integer(1_000, 50_000) : people.integer(30_000, 120_000);
    world.simulation.after(pause, "somebody pushes", () => {
      if (!goesOn()) return;
      const what = isHot && people.chance(0.6) ? script.revert() : script.mutate();
      say(`${minutesOf(world)} min, ${world.simulation.counts.kills} kills: ${what}`);
      world.push(script.files());
      next(people.chance(0.5));
    });
  };
  next(false);
}

/** By hand, in the cluster: an applied object goes or changes. */
function keepMeddling(world: SimWorld, people: SimWorld["simulation"]["random"], goesOn: () => boolean): void {
  const next = () => {
    world.simulation.after(people.integer(120_000, 480_000), "somebody meddles", () => {
      if (!goesOn()) return;
      const { store, cluster } = world.clusters.get(people.pick(names)) ?? {};
      const owned = (store?.list("/configmaps") ?? []).filter(({ metadata }) =>
        Object.keys((metadata as { labels?: object }).labels ?? {}).some((label) => label.startsWith("kustomize.")),
      );
      if (owned.length > 0) {
        const { name, namespace } = people.pick(owned).metadata as { name: string; namespace: string };
        const ref = { apiVersion: "v1", kind: "ConfigMap", namespace, name };
        const patch = { data: { value: "by hand" } };
        void (people.chance(0.5)
          ? cluster?.delete(ref)
          : cluster?.mergePatch(ref, patch, { fieldManager: "kubectl-edit" }));
      }
      next();
    });
  };
  next();
}

/** API servers that refuse everything for a while, and once an hour without a tick. */
function keepBreaking(world: SimWorld, people: SimWorld["simulation"]["random"], goesOn: () => boolean): void {
  const { simulation, weather } = world;
  const next = () => {
    simulation.after(people.integer(5 * MINUTE, 20 * MINUTE), "an API server goes", () => {
      if (!goesOn()) return;
      const name = people.pick(names);
      weather.outages.set(name, people.chance(0.5) ? "unreachable" : "overloaded");
      simulation.after(people.integer(5_000, 180_000), "it comes back", () => void weather.outages.delete(name));
      next();
    });
  };
  next();
  simulation.after(20 * MINUTE, "the schedule stops", () => {
    weather.ticksStopped = goesOn();
    simulation.after(60 * MINUTE, "the schedule goes on", () => void (weather.ticksStopped = false));
  });
}
