import { describe, expect, it } from "vitest";

import { parseGroupKinds } from "../../../shared/config/apply-settings.ts";

describe("parseGroupKinds", () => {
  it.each([
    ["", []],
    [
      "rbac.authorization.k8s.io/Role, rbac.authorization.k8s.io/RoleBinding",
      ["rbac.authorization.k8s.io/Role", "rbac.authorization.k8s.io/RoleBinding"],
    ],
    ["ConfigMap", ["/ConfigMap"]],
  ])("reads %j", (text, names) => {
    expect([...parseGroupKinds(text)]).toEqual(names);
  });
});
