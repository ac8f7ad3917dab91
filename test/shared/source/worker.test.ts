import { expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseKey } from "../../../shared/lease/message.ts";
import { writeClusterRecord } from "../../../shared/runtime/cluster-record.ts";
import { workOnSource } from "../../../shared/source/worker.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { aHeld } from "../../fakes/held.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";

const key = "one/source.toolkit.fluxcd.io/GitRepository/apps/shop";

/** Stalls at once, so that nothing but its outbox is left to do. */
const repository: KubeObject = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name: "shop", namespace: "apps" },
  spec: { interval: "10m", url: "https://git.example.com/shop", recurseSubmodules: true },
};

it("a source tells sixteen dependants at a time of what they were not told yet, and notes it when all were", async () => {
  const table = createMemoryTable();
  await writeClusterRecord(table, "one", { server: "server", sweptAt: 0, frozen: [], bootstrapped: true });
  await table.put({ pk: `OB#${key}`, sk: "SRC", v: 1, revision: "main@sha1:a" });
  for (let i = 0; i < 40; i++)
    await table.put({ pk: `OB#${i}`, sk: "RUN", v: 1, rpk: `SR#${key}`, rsk: `dependant-${i}` });
  const announced = () => table.itemAt({ pk: `OB#${key}`, sk: "SRC" })?.announced;
  const told = new Set<string>();
  let inFlight = 0;
  let most = 0;

  await workOnSource(parseKey(key)!, aHeld(key, { row: { pushedAt: 5 } }), {
    table,
    clock: fakeClock(),
    blobs: createMemoryBlobs(),
    bucket: "bucket",
    log: () => undefined,
    hmacKey: async () => Buffer.from("key"),
    openGit: () => Promise.reject(new Error("unexpected call of openGit")),
    openCluster: async () => createMemoryCluster({ objects: [repository] }),
    unreachable: () => undefined,
    trigger: async (dependant, why, note) => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      expect([why, note, announced()]).toEqual(["source", { pushedAt: 5 }, undefined]);
      inFlight -= 1;
      told.add(dependant);
    },
  });

  expect([told.size, most, announced()]).toEqual([40, 16, "main@sha1:a"]);
});
