import { describe, expect, it } from "vitest";

import { compareRefs } from "../../../shared/ssa/order.ts";
import { stageOf } from "../../../shared/ssa/stages.ts";

const ref = (text: string) => {
  const [apiVersion = "", kind = "", namespace = "", name = ""] = text.split(" ");
  return { apiVersion, kind, name, ...(namespace === "-" ? {} : { namespace }) };
};

const inOrder = [
  "apiextensions.k8s.io/v1 CustomResourceDefinition - z",
  "v1 Namespace - a",
  "rbac.authorization.k8s.io/v1 ClusterRole - a",
  "storage.k8s.io/v1 StorageClass - a",
  "rbac.authorization.k8s.io/v1 ClusterRoleBinding - a",
  "v1 ServiceAccount b a",
  "rbac.authorization.k8s.io/v1 Role a a",
  "rbac.authorization.k8s.io/v1 RoleBinding a a",
  "v1 ConfigMap a b",
  "v1 ConfigMap b a",
  "v1 ConfigMap b b",
  "v1 Secret a a",
  "v1 Service a a",
  "apps/v1 Deployment a a",
  "policy/v1 PodDisruptionBudget a a",
  "v1 Pod a a",
  "apps/v1 DaemonSet a a",
  "example.com/v1 Widget a a",
  "networking.k8s.io/v1 Ingress a a",
  "admissionregistration.k8s.io/v1 MutatingWebhookConfiguration - a",
  "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration - a",
].map(ref);

describe("compareRefs", () => {
  it("puts first what others stand on, then sorts by group, kind, namespace and name", () => {
    expect([...inOrder].reverse().sort(compareRefs)).toEqual(inOrder);
  });
});

describe("stageOf", () => {
  it("tells foundations, classes, custom kinds and the rest apart", () => {
    const custom = new Set(["example.com/Widget"]);
    expect(inOrder.map((entry) => stageOf(entry, custom))).toEqual([
      0, 0, 0, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 3, 3,
    ]);
  });

  it("knows a foundation by its group too", () => {
    expect(stageOf(ref("example.com/v1 Namespace a a"))).toBe(3);
  });
});
