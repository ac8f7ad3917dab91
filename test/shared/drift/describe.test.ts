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

  describe("of what kubectl added", () => {
    const ours = {
      manager: "kustomize-controller",
      operation: "Apply",
      fieldsV1: { "f:spec": { "f:env": { 'k:{"name":"A"}': { ".": {}, "f:name": {}, "f:value": {} } } } },
    } as const;
    const kubectl = (fieldsV1: Readonly<Record<string, unknown>>) =>
      ({ manager: "kubectl-edit", operation: "Update", fieldsV1 }) as const;
    const object = (
      fieldsV1: Readonly<Record<string, unknown>>,
      { env = [{ name: "A", value: "a" }], ...metadata }: Readonly<Record<string, unknown>> = {},
    ): KubeObject => ({
      ...deployment(env as readonly unknown[]),
      metadata: { name: "web", namespace: "apps", ...metadata, managedFields: [ours, kubectl(fieldsV1)] },
    });
    const found = (live: KubeObject) => drift(live, live);
    const noteOf = (name: string) => ({ "f:metadata": { "f:annotations": { ".": {}, [`f:${name}`]: {} } } });

    it("names an item that Git does not have, and who added it", () => {
      const env = [
        { name: "A", value: "a" },
        { name: "B", value: "b" },
      ];
      const live = object({ "f:spec": { "f:env": { 'k:{"name":"B"}': { ".": {}, "f:name": {} } } } }, { env });
      expect(found(live)).toMatchObject({
        kind: "changed",
        fields: [{ pointer: "/spec/env/1", git: null, live: '{"name":"B","value":"b"}', manager: "kubectl-edit" }],
      });
    });

    it("names an annotation", () => {
      expect(found(object(noteOf("note"), { annotations: { note: "mine" } }))).toMatchObject({
        kind: "changed",
        fields: [{ pointer: "/metadata/annotations/note", git: null, live: "mine", manager: "kubectl-edit" }],
      });
    });

    it("hides what kubectl applied last, which goes too", () => {
      const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
      const live = object(noteOf(lastApplied), { annotations: { [lastApplied]: JSON.stringify({ secretValue }) } });
      expect(found(live)).toMatchObject({
        kind: "changed",
        fields: [{ git: null, live: expect.stringMatching(/^hmac:/) as string }],
      });
    });

    it("calls it ownership where Git has all of it, or another manager that stays", () => {
      expect(found(object(ours.fieldsV1)).kind).toBe("ownership");
      const live = object(noteOf("note"), { annotations: { note: "ours too" } });
      const autotuner = { ...kubectl(noteOf("note")), manager: "autotuner" };
      const { managedFields = [] } = live.metadata;
      expect(
        found({ ...live, metadata: { ...live.metadata, managedFields: [...managedFields, autotuner] } }).kind,
      ).toBe("ownership");
    });
  });
});
