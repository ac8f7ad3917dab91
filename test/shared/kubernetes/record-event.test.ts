import { describe, expect, it } from "vitest";

import { recordEvent } from "../../../shared/kubernetes/record-event.ts";
import type { EngineEvent } from "../../../shared/runtime/event.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { objectCluster } from "../../fakes/object-cluster.ts";

const event: EngineEvent = {
  type: "Normal",
  reason: "NewArtifact",
  action: "Reconcile",
  message: "stored artifact for commit 'add podinfo'",
  involved: {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    namespace: "apps",
    name: "podinfo",
    uid: "1-2-3",
    resourceVersion: "42",
  },
  annotations: { "source.toolkit.fluxcd.io/revision": "main@sha1:1234" },
};

async function recorded(change: Partial<EngineEvent> = {}) {
  const cluster = objectCluster();
  await recordEvent(cluster, { ...event, ...change }, { component: "source-controller", clock: fakeClock() });
  return cluster.objects()[0];
}

describe("recordEvent", () => {
  it("writes an Event beside its object, as Flux's recorder does", async () => {
    expect(await recorded()).toMatchObject({
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace: "apps", annotations: event.annotations },
      involvedObject: event.involved,
      type: "Normal",
      reason: "NewArtifact",
      action: "Reconcile",
      message: event.message,
      count: 1,
      firstTimestamp: "2026-01-01T10:00:00Z",
      lastTimestamp: "2026-01-01T10:00:00Z",
      source: { component: "source-controller" },
      reportingComponent: "source-controller",
    });
  });

  it("names the source that the object is made from", async () => {
    const related = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "Bucket", namespace: "apps", name: "charts" };

    expect(await recorded({ related })).toMatchObject({ related });
  });

  it("names it by the object and the time in nanoseconds", async () => {
    const name = (await recorded())?.metadata.name ?? "";

    expect(name).toMatch(/^podinfo\.[0-9a-f]{16}$/);
    expect(Number(BigInt(`0x${name.slice(-16)}`) / 1_000_000n)).toBe(Date.parse("2026-01-01T10:00:00Z"));
  });

  it("stays within the length of a name", async () => {
    const found = await recorded({ involved: { ...event.involved, name: "a".repeat(253) } });

    expect(found?.metadata.name).toHaveLength(253);
  });

  it("puts events of cluster-scoped objects into default", async () => {
    const found = await recorded({ involved: { apiVersion: "v1", kind: "Namespace", name: "apps" } });

    expect(found?.metadata.namespace).toBe("default");
  });
});
