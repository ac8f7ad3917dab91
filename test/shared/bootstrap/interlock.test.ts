import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { checkInterlock, type InterlockOptions, type Sightings } from "../../../shared/bootstrap/interlock.ts";
import { ownershipObject } from "../../../shared/bootstrap/ownership.ts";

const now = Date.parse("2026-01-01T10:00:00Z");

const reasons = (sightings: Partial<Sightings>, options: Partial<InterlockOptions> = {}) => {
  const found = checkInterlock({ deployments: [], leases: [], ...sightings }, { engine: "prod", now, ...options });
  return found.kind === "frozen" ? found.reasons : [];
};

const deployment = (
  name: string,
  rest: Record<string, unknown> = {},
  labels: Record<string, string> = {},
): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "flux-system", labels },
  spec: { replicas: 1 },
  ...rest,
});

const partOfFlux = { "app.kubernetes.io/part-of": "flux" };

const lease = (name: string, spec: Record<string, unknown>): KubeObject => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name, namespace: "flux-system" },
  spec: { holderIdentity: "pod_1", leaseDurationSeconds: 35, ...spec },
});

const owned = (engine: string, age: number) => ownershipObject({ engine, renewedAt: now - age, bootstrapped: true });

describe("checkInterlock", () => {
  it("is clear on a cluster without Flux", () => {
    expect(checkInterlock({ deployments: [deployment("web")], leases: [] }, { engine: "prod", now })).toEqual({
      kind: "clear",
    });
  });

  it.each([
    ["a controller by its label", deployment("kustomize-controller", {}, partOfFlux)],
    [
      "a renamed controller by its component",
      deployment("kc-shard1", {}, { ...partOfFlux, "app.kubernetes.io/component": "kustomize-controller" }),
    ],
    ["a controller whose replicas default to 1", deployment("source-controller", { spec: {} }, partOfFlux)],
    ["the operator", deployment("flux-operator", {}, { "app.kubernetes.io/name": "flux-operator" })],
    [
      "an image of Flux under labels of its own",
      deployment("kc", {
        spec: {
          template: { spec: { containers: [{ image: "r.example.com:5000/fluxcd/helm-controller:v1.7.1@sha256:0" }] } },
        },
      }),
    ],
    [
      "a distribution of Flux",
      deployment("kc", {
        spec: {
          template: { spec: { containers: [{ image: "ghcr.io/controlplaneio-fluxcd/alpine/source-controller" }] } },
        },
      }),
    ],
  ])("freezes for %s", (_, object) => {
    expect(reasons({ deployments: [object] })).toEqual([expect.stringContaining('"takeOver": true')]);
  });

  it.each([
    ["a workload that Flux deployed", deployment("web", {}, partOfFlux)],
    ["a namesake", deployment("notification-controller")],
  ])("does not freeze for %s", (_, object) => {
    expect(reasons({ deployments: [object] })).toEqual([]);
  });

  it.each([
    ["is Flux's still", undefined, {}, 1],
    ["is ours", owned("prod", 3_600_000), {}, 0],
    ["is another engine's", owned("staging", 3_600_000), {}, 1],
    ["is to be taken over", undefined, { takeOver: true }, 0],
  ])("judges a controller at rest in a cluster that %s", (_, ownership, options, found) => {
    const atRest = deployment("kustomize-controller", { spec: { replicas: 0 } }, partOfFlux);

    expect(reasons({ deployments: [atRest], ownership }, options)).toHaveLength(found);
  });

  it("waits for the pods of a controller that was scaled to zero", () => {
    const ending = deployment("helm-controller", { spec: { replicas: 0 }, status: { replicas: 1 } }, partOfFlux);

    expect(reasons({ deployments: [ending] })).toEqual([
      "Deployment/flux-system/helm-controller still has 1 pods: wait until they have ended",
    ]);
  });

  it.each([
    ["fresh", lease("kustomize-controller-leader-election", { renewTime: "2026-01-01T09:59:26.000000Z" }), 1],
    ["of a shard", lease("source-controller-leader-election-ab12", { renewTime: "2026-01-01T10:00:00.000000Z" }), 1],
    ["unreadable", lease("helm-controller-leader-election", { renewTime: "soon" }), 1],
    ["over", lease("kustomize-controller-leader-election", { renewTime: "2026-01-01T09:59:25.000000Z" }), 0],
    [
      "released",
      lease("kustomize-controller-leader-election", { holderIdentity: "", renewTime: "2026-01-01T10:00:00Z" }),
      0,
    ],
    ["of another program", lease("cert-manager-controller", { renewTime: "2026-01-01T10:00:00Z" }), 0],
  ])("judges a Lease that is %s", (_, object, found) => {
    expect(reasons({ leases: [object] })).toHaveLength(found);
  });

  it("freezes while another engine renews its ownership", () => {
    expect(reasons({ ownership: owned("staging", 179_000) })).toEqual([
      'ConfigMap/flux-system/driftless was renewed at 2026-01-01T09:57:01Z by engine "staging": ' +
        'remove the cluster from that engine\'s fleet, or set "takeOver": true on the cluster in fleet.json',
    ]);
  });

  it.each([
    ["its own", owned("prod", 0), {}],
    ["stale", owned("staging", 180_000), {}],
    ["to be taken over", owned("staging", 0), { takeOver: true }],
  ])("is clear when the ownership is %s", (_, ownership, options) => {
    expect(reasons({ ownership }, options)).toEqual([]);
  });

  it("freezes on an ownership that it cannot read", () => {
    const ownership = { ...owned("staging", 0), data: { engine: "staging", renewedAt: "yesterday" } };

    expect(reasons({ ownership })).toHaveLength(1);
  });

  it("does not let a take-over pass by a controller that runs", () => {
    expect(reasons({ deployments: [deployment("kustomize-controller", {}, partOfFlux)] }, { takeOver: true })).toEqual([
      "Deployment/flux-system/kustomize-controller has 1 replicas: Flux serves this cluster; " +
        "scale it to 0 to go on with the take-over",
    ]);
  });

  it("gives all reasons at once", () => {
    expect(
      reasons({
        deployments: [
          deployment("kustomize-controller", {}, partOfFlux),
          deployment("helm-controller", {}, partOfFlux),
        ],
        ownership: owned("staging", 0),
      }),
    ).toHaveLength(3);
  });
});
