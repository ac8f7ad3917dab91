import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { Kustomization } from "../../../shared/api/kustomization.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { findCycle } from "../../../shared/kustomize/dependency-cycle.ts";
import { aKustomizeWorld, self } from "./kustomize-world.ts";

interface Node {
  readonly namespace: string;
  readonly name: string;
  readonly dependsOn: readonly { readonly name: string; readonly namespace?: string }[];
}

const kustomization = ({ namespace, name, dependsOn }: Node): KubeObject => ({
  apiVersion: self.apiVersion,
  kind: self.kind,
  metadata: { name, namespace },
  spec: { interval: "1m", prune: true, sourceRef: { kind: "GitRepository", name: "none" }, dependsOn },
});

/** What each of them finds when its first dependency is not ready. */
async function cyclesOf(nodes: readonly Node[]): Promise<readonly (readonly string[] | undefined)[]> {
  const objects = new Map(nodes.map((node) => [`${node.namespace}/${node.name}`, kustomization(node)]));
  const at = (namespace: string, name: string) => objects.get(`${namespace}/${name}`) as Kustomization | undefined;
  return await Promise.all(
    nodes.flatMap(({ namespace, name, dependsOn: [first] }) => {
      const [own, dependency] = [at(namespace, name), first && at(first.namespace ?? namespace, first.name)];
      if (!own || !dependency) return [];
      return findCycle(own, dependency, { get: async (ref) => at(ref.namespace ?? "", ref.name) });
    }),
  );
}

const file = join(import.meta.dirname, "..", "..", "..", "..", "shared", "vectors", "dependency-sort.json");
const vectors = existsSync(file)
  ? (
      JSON.parse(readFileSync(file, "utf8")) as {
        readonly cases: readonly {
          readonly name: string;
          readonly objects: readonly Node[];
          readonly error: unknown;
        }[];
      }
    ).cases
  : [];

describe("findCycle", () => {
  it.skipIf(vectors.length === 0).each(vectors)("agrees with Flux's own sort: $name", async ({ objects, error }) => {
    const found = (await cyclesOf(objects)).some((cycle) => cycle !== undefined);
    expect(found).toBe(error !== null);
  });

  it("names all members, from each of them, and none for whoever only waits for them", async () => {
    const node = (name: string, ...on: readonly string[]): Node => ({
      namespace: "apps",
      name,
      dependsOn: on.map((other) => ({ name: other })),
    });
    const [a, b, c, outside] = await cyclesOf([node("a", "b"), node("b", "c", "x"), node("c", "a"), node("d", "a")]);
    expect(a).toEqual(["apps/a", "apps/b", "apps/c", "apps/a"]);
    expect(b).toEqual(["apps/b", "apps/c", "apps/a", "apps/b"]);
    expect(c).toEqual(["apps/c", "apps/a", "apps/b", "apps/c"]);
    expect(outside).toBeUndefined();
  });

  it("gives up on a chain that has no end", async () => {
    let looks = 0;
    const next = (index: number) =>
      kustomization({ namespace: "apps", name: `k${index}`, dependsOn: [{ name: `k${index + 1}` }] });
    const get = async () => next((looks += 1) + 1);
    expect(await findCycle(next(0) as Kustomization, next(1) as Kustomization, { get })).toBeUndefined();
    expect(looks).toBeLessThanOrEqual(30);
  });
});

describe("a run in a cycle", () => {
  it("says so in its condition, and looks no further while all is well", async () => {
    const world = aKustomizeWorld({ dependsOn: [{ name: "base" }] });
    world.cluster.put(kustomization({ namespace: "apps", name: "base", dependsOn: [{ name: "shop" }] }));

    expect(await world.run()).toMatchObject({ kind: "waiting" });

    expect(world.condition("Ready")).toEqual([
      "False",
      "DependencyNotReady",
      "dependency 'apps/base' is not ready — dependency cycle apps/shop → apps/base → apps/shop: remove one of these dependsOn",
    ]);
    expect(world.cluster.requests.filter((request) => request.startsWith("get Kustomization"))).toEqual([
      "get Kustomization/apps/base",
      "get Kustomization/apps/base",
    ]);
  });
});
