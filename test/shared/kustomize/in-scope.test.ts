import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { aKustomizeWorld, self, yamlOf } from "./kustomize-world.ts";

const definition: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "pools.example.org" },
  spec: {
    group: "example.org",
    scope: "Cluster",
    names: { kind: "Pool", plural: "pools" },
    versions: [{ name: "v1", served: true, storage: true }],
  },
};
const pool = (spec: object): KubeObject => ({
  apiVersion: "example.org/v1",
  kind: "Pool",
  metadata: { name: "a", namespace: "apps" },
  spec: { ...spec },
});
const ref = { apiVersion: "example.org/v1", kind: "Pool", name: "a" };
const id = "_a_example.org_Pool";

async function aWorldWithDefinition() {
  const world = aKustomizeWorld();
  await world.cluster.create(definition, "test");
  world.git.yaml = yamlOf(pool({ size: 1 }));
  return world;
}

describe("a namespace that a cluster-wide object was given", () => {
  it("is not in the inventory, be the definition there or in the build", async () => {
    const there = await aWorldWithDefinition();
    await there.run();
    expect(there.inventory()).toEqual([id]);

    const built = aKustomizeWorld();
    const status = { conditions: [{ type: "Established", status: "True" }] };
    built.git.yaml = yamlOf({ ...definition, status }, pool({ size: 1 }));
    await built.run();
    expect(built.inventory()).toContain(id);
  });

  it("is not in the inventory of a run that recognises the text either", async () => {
    const world = await aWorldWithDefinition();
    await world.run();
    world.git = {
      revision: "main@sha1:two",
      yaml: yamlOf(pool({ size: 1 }), { ...pool({}), metadata: { name: "b" } }),
      closure: "closure-2",
    };
    await world.run();
    expect(world.inventory()).toEqual([id, "_b_example.org_Pool"]);
  });

  it.each([
    ["Flux wrote without it", id],
    ["was written with it", "apps_a_example.org_Pool"],
  ])("does not make an object stale that %s", async (_, known) => {
    const world = await aWorldWithDefinition();
    await world.run();
    const { uid } = world.cluster.find(ref)?.metadata ?? {};
    world.cluster.edit(self, { status: { inventory: { entries: [{ id: known, v: "v1" }] } } });
    world.git = { revision: "main@sha1:two", yaml: yamlOf(pool({ size: 2 })), closure: "closure-2" };
    await world.run();
    expect(world.cluster.find(ref)).toMatchObject({ metadata: { uid }, spec: { size: 2 } });
    expect(world.inventory()).toEqual([id]);
  });
});
