import { rootCertificates } from "node:tls";

import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { normalize } from "../../../shared/ssa/normalize.ts";

const normalized = (yaml: string) => normalize(parseKubeYaml(yaml));
const one = (yaml: string): KubeObject => normalized(yaml)[0]!;

describe("normalize", () => {
  it("expands lists, typed ones with the kind of their own", () => {
    const yaml = `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- apiVersion: v1
  kind: ConfigMapList
  items: [{metadata: {name: b}}]
`;
    expect(normalized(yaml)).toEqual(
      ["a", "b"].map((name) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } })),
    );
  });

  it.each([
    [
      "Kustomize's own configuration",
      "{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, metadata: {name: a}}",
    ],
    ["documents without a kind", "{apiVersion: v1, metadata: {name: a}}"],
    ["documents without a name", "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: a}}"],
    ["documents that are no map", "[a, b]"],
  ])("drops %s", (_, yaml) => {
    expect(normalized(yaml)).toEqual([]);
  });

  it("keeps Flux's Kustomization", () => {
    expect(
      normalized("{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: a}}"),
    ).toHaveLength(1);
  });

  it("merges stringData over data", () => {
    const secret = one(
      "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: YQ==, b: Yg==}, stringData: {b: é, c: ''}}",
    );
    expect(secret).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "a" },
      data: { a: "YQ==", b: "w6k=", c: "" },
    });
  });

  it("leaves a Secret whose text is no text to the server", () => {
    expect(one("{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {port: 8080}}")).toHaveProperty(
      "stringData",
    );
  });

  it.each([
    ["Service", "v1", "spec: {ports: [{port: 80}, {port: 53, protocol: UDP}]}", "spec.ports"],
    [
      "Pod",
      "v1",
      "spec: {containers: [{name: a, ports: [{port: 80}, {port: 53, protocol: UDP}]}]}",
      "spec.containers.0.ports",
    ],
    [
      "Deployment",
      "apps/v1",
      "spec: {template: {spec: {containers: [{name: a, ports: [{port: 80}, {port: 53, protocol: UDP}]}]}}}",
      "spec.template.spec.containers.0.ports",
    ],
    [
      "CronJob",
      "batch/v1",
      "spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, ports: [{port: 80}, {port: 53, protocol: UDP}]}]}}}}}",
      "spec.jobTemplate.spec.template.spec.containers.0.ports",
    ],
  ])("sets the protocol that is part of the key of a %s's ports", (kind, apiVersion, spec, path) => {
    const object = one(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n${spec}\n`);
    const zeros = kind === "Service" ? { targetPort: 0 } : {};
    expect(object).toHaveProperty(path, [
      { port: 80, protocol: "TCP", ...zeros },
      { port: 53, protocol: "UDP", ...zeros },
    ]);
  });

  it("prints a Service's absent targetPort as Go does, and leaves one that is given", () => {
    const object = one(
      "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, targetPort: web}, {port: 81}]}}",
    );
    expect(object).toMatchObject({ spec: { ports: [{ targetPort: "web" }, { targetPort: 0 }] } });
  });

  it("takes no notice of the namespace of a kind that lives in none", () => {
    const kinds = ["apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole", "apiVersion: v1, kind: ConfigMap"];
    const found = kinds.map((kind) => one(`{${kind}, metadata: {name: a, namespace: b}}`).metadata.namespace);
    expect(found).toEqual([undefined, "b"]);
  });

  it("leaves out what only the server writes", () => {
    const object = one(
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, creationTimestamp: null}, status: {replicas: 1}}",
    );
    expect(object).toEqual({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a" } });
  });

  it("keeps a definition's status, for kstatus", () => {
    const status = { acceptedNames: { kind: "", plural: "" }, conditions: [], storedVersions: [] };
    const yaml = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a.b}, status: ${JSON.stringify(status)}}`;
    expect(one(yaml).status).toEqual(status);
  });

  it.each([
    ["no base64", "%%%", false],
    ["a placeholder", "Cg==", false],
    [
      "text that is no certificate",
      Buffer.from("-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n").toString("base64"),
      false,
    ],
    ["nothing", "", true],
    ["a certificate", Buffer.from(rootCertificates[0] ?? "").toString("base64"), true],
  ])("with %s as CA of a conversion webhook", (_, caBundle, isKept) => {
    const conversion = { strategy: "Webhook", webhook: { clientConfig: { caBundle, service: { name: "a" } } } };
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "a.b" },
      spec: { conversion },
    };
    const [object] = normalize([definition]);
    const clientConfig = { service: { name: "a" }, ...(isKept ? { caBundle } : {}) };
    expect(object?.spec).toEqual({ conversion: { strategy: "Webhook", webhook: { clientConfig } } });
  });

  it("prints the empty structs that Flux prints", () => {
    const deployment = one(
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {spec: {containers: [{name: a}]}}}}",
    );
    expect(deployment.spec).toEqual({
      strategy: {},
      template: { metadata: {}, spec: { containers: [{ name: "a", resources: {} }] } },
    });
  });
});
