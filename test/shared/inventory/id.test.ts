import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { formatId, parseId, refOfId } from "../../../shared/inventory/id.ts";
import { unionOf } from "../../../shared/inventory/union.ts";
import { emptyState } from "../../../shared/kustomize/applied-state.ts";
import { parseDesired } from "../../../shared/kustomize/desired.ts";
import { plainManifests } from "../../../shared/kustomize/manifests.ts";
import { planObjects } from "../../../shared/kustomize/plan.ts";

interface Id {
  readonly namespace: string;
  readonly name: string;
  readonly group: string;
  readonly kind: string;
}

interface Case {
  readonly name: string;
  readonly input: string;
  readonly error: boolean;
  readonly expected: Id | null;
}

interface SetCase {
  readonly name: string;
  readonly op: string;
  readonly a: readonly Id[];
  readonly b?: readonly Id[];
  readonly expected: boolean | readonly Id[];
}

const vectors = "../shared/vectors/objectid.json";
const { cases, sets } = (existsSync(vectors) ? JSON.parse(readFileSync(vectors, "utf8")) : { cases: [], sets: [] }) as {
  readonly cases: readonly Case[];
  readonly sets: readonly SetCase[];
};

/** Operations of others that nothing of ours does, with the reason. */
const notTaken: Readonly<Record<string, string>> = {
  hash: "names cli-utils' own inventory object; an inventory in a status is compared entry by entry",
};

const idOf = ({ group, ...rest }: Id): string => formatId({ apiVersion: group === "" ? "v1" : `${group}/v1`, ...rest });
const entriesOf = (ids: readonly Id[] = []) => ids.map((id) => ({ id: idOf(id), v: "v1" }));

/** What a run would prune that finds `inventory` and wants no more than `wanted`. */
function staleOf(inventory: readonly Id[], wanted: readonly Id[] = []): readonly string[] {
  const manifests = wanted.map(({ group, kind, ...metadata }) =>
    JSON.stringify({ apiVersion: group === "" ? "v1" : `${group}/v1`, kind, metadata }),
  );
  const state = emptyState("server");
  const desired = parseDesired(plainManifests(manifests.join("\n---\n")), { owner }, state);
  const nothingLive = { byId: new Map(), covers: () => true };
  return planObjects(desired, state, nothingLive, entriesOf(inventory)).stale.map(({ id }) => id);
}

const owner = { name: "shop", namespace: "default" };

describe.skipIf(cases.length === 0)("ids of fluxcd/cli-utils", () => {
  it.each(cases)("$name", ({ input, error, expected }) => {
    expect(parseId(input)).toEqual(error ? undefined : expected);
    if (expected) expect(idOf(expected)).toBe(input);
  });
});

const unionIds = (a: readonly Id[], b: readonly Id[]): readonly string[] =>
  unionOf(entriesOf(a), new Map(entriesOf(b).map(({ id, v }) => [id, { v }]))).map(({ id }) => id);

/** What our code makes of two sets. */
const results: Readonly<Record<string, (a: readonly Id[], b: readonly Id[]) => boolean | readonly string[]>> = {
  equal: (a, b) => staleOf(a, b).length + staleOf(b, a).length === 0,
  union: (a, b) => [...unionIds(a, b)].sort(),
  diff: (a, b) => [...staleOf(a, b)].sort(),
};

describe.skipIf(sets.length === 0)("sets of ids of fluxcd/cli-utils", () => {
  it.each(sets.filter(({ op }) => !(op in notTaken)))("$name", ({ op, a, b = [], expected }) => {
    expect(results[op]?.(a, b)).toEqual(typeof expected === "boolean" ? expected : expected.map(idOf).sort());
  });
});

describe("formatId", () => {
  it.each([
    [{ apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "a" }, "shop_a__ConfigMap"],
    [{ apiVersion: "v1", kind: "Namespace", name: "shop" }, "_shop__Namespace"],
    [
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "system:a" },
      "_system__a_rbac.authorization.k8s.io_ClusterRole",
    ],
  ])("writes %j", (ref, id) => {
    expect(formatId(ref)).toBe(id);
    expect(refOfId({ id, v: "v1" })).toEqual(ref);
  });
});

describe("refOfId", () => {
  it("says which entry cannot be read", () => {
    expect(() => refOfId({ id: "nonsense", v: "v1" })).toThrow('inventory entry "nonsense" is not of the form');
  });
});
