import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { describeDrift } from "../../../shared/drift/describe.ts";

const secretValue = 'pa"ss\\wo\nrd';
const options = {
  key: new Uint8Array(32),
  secretValues: [secretValue],
  ignored: [],
  overrideManagers: [],
  since: 0,
};
const entry = { id: "apps_web_apps_Deployment", v: "v1" };
const drift = (dryRun: KubeObject, live: KubeObject) =>
  describeDrift(entry, { desired: dryRun, live, dryRun, action: "configured" }, options);

const deployment = (env: readonly unknown[]): KubeObject => ({
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "apps" } },
  spec: { env },
});

describe("describeDrift", () => {
  it("shows no secret value that JSON escapes, be it a text or a name", () => {
    const git = { name: "PASSWORD", value: secretValue, byName: { [secretValue]: 1 } };
    expect(drift(deployment([git]), deployment([])).fields).toMatchObject([
      { pointer: "/spec/env/0", git: '{"byName":{"*****":1},"name":"PASSWORD","value":"*****"}', live: null },
    ]);
  });

  it("shows no secret value in a pointer", () => {
    const object = (labels: Readonly<Record<string, string>>): KubeObject => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "web", namespace: "apps", labels },
    });
    expect(drift(object({ [secretValue]: "a" }), object({})).fields).toMatchObject([
      { pointer: "/metadata/labels/*****", git: "a" },
    ]);
  });

  it("shows no secret value in a label of a Secret", () => {
    const secret = (label: string): KubeObject => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "web", namespace: "apps", labels: { label } },
    });
    expect(drift(secret(secretValue), secret("b")).fields).toMatchObject([
      { pointer: "/metadata/labels/label", git: "*****", live: "b" },
    ]);
  });
});
