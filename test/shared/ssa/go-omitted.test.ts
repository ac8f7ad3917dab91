import { describe, expect, it } from "vitest";

import { withoutOmitted } from "../../../shared/ssa/go-omitted.ts";

const deployment = (spec: object, fields: object) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "a" },
  spec: { ...fields, template: { spec: { containers: [{ name: "a", ...spec }] } } },
});

describe("withoutOmitted", () => {
  it("drops what Go leaves out when it is zero", () => {
    const given = deployment({ tty: false, ports: [{ containerPort: 1, hostPort: 0 }] }, { paused: false });
    expect(withoutOmitted(given)).toEqual(deployment({ ports: [{ containerPort: 1 }] }, {}));
  });

  it("keeps other values, and zeros that Go prints", () => {
    const given = deployment({ tty: true }, { paused: true, replicas: 0 });
    expect(withoutOmitted(given)).toEqual(given);
  });

  it("leaves custom objects alone", () => {
    const given = {
      apiVersion: "example.org/v1",
      kind: "PriorityClass",
      metadata: { name: "a" },
      globalDefault: false,
    };
    expect(withoutOmitted(given)).toEqual(given);
  });
});
