import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { withoutUndeclared } from "../../../shared/ssa/undeclared-fields.ts";

const deployment: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  wrong: 1,
  spec: {
    replcas: 2,
    template: {
      spec: { containers: [{ name: "a.b[c]" }, { name: "c", nope: 1, ports: [{ containerPort: 80, zip: 1 }] }] },
    },
  },
};
const refusal = (...paths: readonly string[]) =>
  `failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): ${paths.length > 1 ? "errors:\n  " : ""}${paths.map((path) => `${path}: field not declared in schema`).join("\n  ")}`;

describe("withoutUndeclared", () => {
  it("takes out each field that the server names", () => {
    const paths = [
      ".spec.replcas",
      ".wrong",
      '.spec.template.spec.containers[name="c"].nope',
      '.spec.template.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].zip',
    ];
    expect(withoutUndeclared(deployment, refusal(...paths))).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { template: { spec: { containers: [{ name: "a.b[c]" }, { name: "c", ports: [{ containerPort: 80 }] }] } } },
    });
  });

  it("takes out a single field by index", () => {
    const pruned = withoutUndeclared(deployment, refusal(".spec.template.spec.containers[1].nope"));
    expect(pruned).not.toHaveProperty("spec.template.spec.containers.1.nope");
    expect(pruned).toHaveProperty("spec.template.spec.containers.1.ports");
  });

  it.each([
    ["another refusal", deployment, "Deployment.apps is invalid: spec.replicas: must be positive"],
    ["a path that leads nowhere", deployment, refusal(".spec.other.field")],
    ["a custom resource", { ...deployment, apiVersion: "example.com/v1" }, refusal(".wrong")],
    ["a Role", { ...deployment, apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role" }, refusal(".wrong")],
  ])("has nothing to say about %s", (_, object, message) => {
    expect(withoutUndeclared(object, message)).toBeUndefined();
  });
});
