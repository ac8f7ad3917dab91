import { describe, expect, it } from "vitest";

import { fluxDeployments } from "../../../shared/bootstrap/flux-controller.ts";
import { checkInterlock } from "../../../shared/bootstrap/interlock.ts";
import { withControllersAtZero } from "../../../shared/config/scale-down.ts";
import { controller, hasRealComponents, readComponents, realComponents } from "./flux-deployments.ts";

describe("withControllersAtZero", () => {
  it.each(fluxDeployments)("plans %s without replicas and otherwise unchanged", (name) => {
    const given = controller(name, ["--concurrent=20"]);

    const planned = withControllersAtZero(given);

    expect(planned).toEqual({ ...given, spec: { ...(given.spec as object), replicas: 0 } });
    expect(given.spec).toMatchObject({ replicas: 1 });
  });

  it("plans a shard, and a controller without a number of replicas, likewise", () => {
    const shard = controller("source-controller", [], { name: "source-controller-shard1" });
    const { spec: _, ...bare } = controller("helm-controller");

    expect(withControllersAtZero(shard)).toMatchObject({ spec: { replicas: 0 } });
    expect(withControllersAtZero(bare)).toEqual({ ...bare, spec: { replicas: 0 } });
  });

  it.each([
    ["a workload", controller("web", [], { labels: {} })],
    ["what Flux labels besides", { ...controller("kustomize-controller"), kind: "NetworkPolicy" }],
    ["a kind of another group", { ...controller("kustomize-controller"), apiVersion: "example.com/v1" }],
    ["a namesake, which the interlock lets run", controller("helm-controller", [], { labels: {} })],
    ["a controller at zero", withControllersAtZero(controller("kustomize-controller"))],
  ])("leaves %s alone", (_, object) => {
    expect(withControllersAtZero(object)).toBe(object);
  });

  it.skipIf(!hasRealComponents)("leaves the interlock nothing to freeze for (skipped without ../shared/fleets)", () => {
    const components = Object.values(realComponents).flatMap(readComponents);
    const frozen = (objects: typeof components) => {
      const deployments = objects.filter(({ kind }) => kind === "Deployment");
      return checkInterlock({ deployments, leases: [] }, { engine: "prod", now: 0, takeOver: true }).kind;
    };

    expect(frozen(components)).toBe("frozen");
    expect(frozen(components.map(withControllersAtZero))).toBe("clear");
  });
});
