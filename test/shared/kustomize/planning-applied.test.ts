/** Planning an applied plan is empty: whatever was there and whatever is wanted, a second look finds nothing to do. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type KubeObject, refOf } from "../../../shared/api/kube-object.ts";
import { rulesOf } from "../../../shared/kustomize/apply-rules.ts";
import { parseDesired } from "../../../shared/kustomize/desired.ts";
import { plainManifests } from "../../../shared/kustomize/manifests.ts";
import { kindsOf, observeLive } from "../../../shared/kustomize/observe-live.ts";
import { planObjects } from "../../../shared/kustomize/plan.ts";
import { aKustomizeWorld, deployment, type KustomizeWorld, yamlOf } from "./kustomize-world.ts";

const names = ["a", "b", "c", "d"] as const;
const values = fc.dictionary(fc.constantFrom("x", "y", "z"), fc.constantFrom("1", "2"), { maxKeys: 3 });
const toggles = fc.constantFrom(
  {},
  {},
  {},
  { ssa: "Merge" },
  { ssa: "IfNotPresent" },
  { ssa: "Ignore" },
  { reconcile: "disabled" },
);

const wanted = fc.oneof(
  fc
    .record({ name: fc.constantFrom(...names), data: values, labels: values, toggle: toggles })
    .map(({ name, data, labels, toggle }): KubeObject => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "apps", labels, annotations: annotated(toggle) },
      data,
    })),
  fc
    .record({ name: fc.constantFrom(...names), replicas: fc.constantFrom(1, 2), annotations: values })
    .map(({ name, replicas, annotations }): KubeObject => {
      const object = deployment(name);
      return {
        ...object,
        metadata: { ...object.metadata, annotations },
        spec: { ...(object.spec as object), replicas },
      };
    }),
  fc.constantFrom(...names).map((name): KubeObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "apps" },
    data: { k: "dg==" },
  })),
);
const annotated = (toggle: object) =>
  Object.fromEntries(
    Object.entries(toggle).map(([name, value]) => [`kustomize.toolkit.fluxcd.io/${name}`, String(value)]),
  );

const ignore = fc.constantFrom(
  [],
  [{ paths: ["/spec/replicas", "/data/x"] }],
  [{ paths: ["/metadata/labels/y"], target: { kind: "ConfigMap", name: "[ab]" } }],
);
/** What others do before the first run and between the runs. */
const managers = fc.constantFrom("kubectl-client-side-apply", "kubectl-edit", "autoscaler", "driftless");
interface Action {
  readonly object: KubeObject;
  readonly manager: string;
  readonly applies: boolean;
}
const others: fc.Arbitrary<Action[]> = fc.array(
  fc.record({ object: wanted, manager: managers, applies: fc.boolean() }),
  { maxLength: 4 },
);

async function meddle(world: KustomizeWorld, actions: readonly Action[]): Promise<void> {
  for (const { object, manager, applies } of actions) {
    if (applies) await world.cluster.apply(object, { fieldManager: manager, force: true });
    else if (world.cluster.find(refOf(object))) {
      const { metadata, apiVersion: _, kind: __, ...content } = object;
      world.cluster.edit(refOf(object), { ...content, metadata: { labels: metadata.labels } }, manager);
    } else world.cluster.put(object, manager);
  }
}

/** The ids that a run would look at now. */
async function looks(world: KustomizeWorld): Promise<readonly string[]> {
  const { metadata, spec } = world.object();
  const owner = { name: metadata.name, namespace: metadata.namespace };
  const state = await world.state();
  const desired = parseDesired(plainManifests(world.git.yaml), { owner }, state);
  const selector = `kustomize.toolkit.fluxcd.io/name=${owner.name},kustomize.toolkit.fluxcd.io/namespace=${owner.namespace}`;
  const live = await observeLive(world.cluster, kindsOf(desired.map(({ ref }) => ref)), selector);
  const inventory = world.status().inventory?.entries ?? [];
  const { candidates, stale } = planObjects(desired, state, live, inventory, rulesOf(spec));
  return [...candidates.map(({ desired: entry }) => entry), ...stale].map(({ id }) => id);
}

/** Not ours: no label of ours leads to them, so that each run looks whether that is still so. */
const isForeign = (object: KubeObject): boolean =>
  Object.values(object.metadata.annotations ?? {}).some((value) => /^(?:Ignore|disabled|IfNotPresent)$/.test(value));

describe("planning", () => {
  it("finds nothing to do after an apply, whatever was there before", async () => {
    await fc.assert(
      fc.asyncProperty(
        others,
        fc.array(wanted, { maxLength: 6 }),
        others,
        ignore,
        async (before, git, between, rules) => {
          const world = aKustomizeWorld({ ignore: rules });
          world.cluster.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "apps" } });
          const mine = git.filter((object) => !isForeign(object));
          const unsettled = git.filter(isForeign).map((object) => refOf(object));
          world.git.yaml = yamlOf(...mine, ...git.filter((object) => isForeign(object)));
          for (const actions of [before, between]) {
            await meddle(
              world,
              actions.filter(({ object }) => !isForeign(object)),
            );
            expect(await world.run()).toMatchObject({ kind: "ready" });
            const rest = (await looks(world)).filter(
              (id) => !unsettled.some(({ name, kind }) => id === `apps_${name}__${kind}`),
            );
            expect(rest).toEqual([]);
            const writes = world.writes().length;
            await world.run();
            const later = world
              .writes()
              .slice(writes)
              .filter((request) => !request.startsWith("patch-status"));
            expect(later).toEqual([]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
