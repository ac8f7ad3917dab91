/** Whatever write a run dies at, or is refused: nothing that is ours is forgotten, and nothing foreign is touched. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { refOf } from "../../../shared/api/kube-object.ts";
import { formatId } from "../../../shared/inventory/id.ts";
import { isOwnedBy } from "../../../shared/ssa/owner.ts";
import { aKustomizeWorld, config, configRef, deployment, type KustomizeWorld, yamlOf } from "./kustomize-world.ts";

const owner = { name: "shop", namespace: "apps" };
const names = ["a", "b", "c", "d", "e"] as const;
const child: KubeObject = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name: "child", namespace: "apps" },
  spec: { url: "https://git.example.com/child", interval: "1m" },
};
const wanted: fc.Arbitrary<KubeObject> = fc.oneof(
  fc.tuple(fc.constantFrom(...names), fc.constantFrom("1", "2")).map(([name, value]) => config(name, value)),
  fc.constantFrom(...names).map(deployment),
  fc.constant(child),
  fc.constant<KubeObject>({ apiVersion: "v1", kind: "Namespace", metadata: { name: "tenant" } }),
);
const idOf = (object: KubeObject) => formatId(refOf(object));
const commit = fc.uniqueArray(wanted, { maxLength: 7, selector: idOf });

const fleet = fc.record({ before: commit, after: commit, taken: fc.subarray([...names]) });
type Fleet = typeof fleet extends fc.Arbitrary<infer T> ? T : never;

class Killed extends Error {}

/** What the n-th write meets; undefined lets all of them through. */
interface Fault {
  readonly at: number;
  readonly kind: "killed" | "refused";
}

/** The first commit is applied, some of its ConfigMaps get another owner, and the second commit is pushed. */
async function aPushedWorld({ before, after, taken }: Fleet, fault?: Fault) {
  let writes = 0;
  let isArmed = false;
  const world = aKustomizeWorld(
    {},
    {
      isAllowed: (_, verb, { kind }) => {
        if (!isArmed || ["get", "list", "dry-run"].includes(verb) || kind === "Event") return true;
        const turn = writes++;
        if (fault?.kind === "killed" && turn >= fault.at) throw new Killed();
        return fault?.kind !== "refused" || turn !== fault.at;
      },
    },
  );
  world.git.yaml = yamlOf(...before);
  await world.run();
  const foreign = before
    .filter(({ kind, metadata: { name } }) => kind === "ConfigMap" && taken.some((each) => each === name))
    .filter((object) => !after.some((kept) => idOf(kept) === idOf(object)));
  for (const object of foreign)
    world.cluster.edit(refOf(object), { metadata: { labels: { "kustomize.toolkit.fluxcd.io/name": "other" } } });
  world.git = { revision: "main@sha1:two", yaml: yamlOf(...after), closure: "closure-2" };
  const old = new Set(world.inventory());
  return {
    world,
    old,
    foreign: foreign.map((object) => world.cluster.find(refOf(object))),
    arm: (on: boolean) => void (isArmed = on),
    writes: () => writes,
  };
}

const ours = (world: KustomizeWorld) => world.cluster.objects().filter((object) => isOwnedBy(object, owner));

async function run(world: KustomizeWorld): Promise<void> {
  try {
    await world.run();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
}

async function check(push: Fleet, fault: Fault): Promise<void> {
  const { world, old, foreign, arm } = await aPushedWorld(push, fault);
  arm(true);
  await run(world);
  arm(false);
  const inventory = new Set(world.inventory());
  const existing = ours(world).map(idOf);
  // Nothing that exists under our labels is forgotten.
  expect(existing.filter((id) => !inventory.has(id))).toEqual([]);
  // After a refusal there is nothing in it that never came to be.
  if (fault.kind === "refused")
    expect([...inventory].filter((id) => !old.has(id) && !existing.includes(id))).toEqual([]);

  expect((await world.run()).kind).toBe("ready");
  const settled = push.after.map(idOf).sort();
  expect([...world.inventory()].sort()).toEqual(settled);
  expect(ours(world).map(idOf).sort()).toEqual(settled);
  for (const object of foreign) expect(object && world.cluster.find(refOf(object))).toEqual(object);
}

describe("a run", () => {
  it.each(["killed", "refused"] as const)(
    "forgets nothing and touches nothing foreign wherever it is %s",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(fleet, async (push) => {
          const whole = await aPushedWorld(push);
          whole.arm(true);
          await whole.world.run();
          for (let at = 0; at < whole.writes(); at += 1) await check(push, { at, kind });
        }),
        { numRuns: 25 },
      );
    },
    60_000,
  );
});

describe("a push that follows one whose worker died in the middle", () => {
  const values = (world: KustomizeWorld) =>
    ["a", "b"].map((name) => (world.cluster.find(configRef(name))?.data as { value?: string } | undefined)?.value);

  it.each([
    ["takes back what it brought", "3"],
    ["takes all of it back", "1"],
  ])("makes the cluster as Git has it where it %s", async (_, last) => {
    for (const driftMode of ["within-a-minute", "approve"] as const) {
      let isArmed = false;
      const isAllowed = (_user: string, verb: string, { name }: { readonly name?: string }) => {
        if (isArmed && verb === "apply" && name === "b") throw new Killed();
        return true;
      };
      const world = aKustomizeWorld({}, { isAllowed });
      const push = async (revision: string, a: string, b: string) => {
        const yaml = yamlOf(config("a", a), config("b", b));
        world.git = { revision: `main@sha1:${revision}`, yaml, closure: `closure-${a}-${b}` };
        await run(world);
      };
      world.driftMode = driftMode;
      await push("one", "1", "1");
      isArmed = true;
      await push("two", "2", "2");
      expect(values(world)).toEqual(["2", "1"]);
      isArmed = false;
      await push("three", "1", last);
      expect(values(world)).toEqual(["1", last]);
      expect(world.condition("Ready")?.[0]).toBe("True");
      expect(world.condition("Drifted")).toBeUndefined();
    }
  });
});
