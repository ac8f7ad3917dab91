import { describe, expect, it } from "vitest";

import { describeFindings } from "../../../shared/api/fields.ts";
import { parseGitRepository } from "../../../shared/api/git-repository.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseKustomization } from "../../../shared/api/kustomization.ts";
import { unsupportedFields } from "../../../shared/api/unsupported-fields.ts";

const gitRepository = (spec: Record<string, unknown> = {}, rest: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  metadata: { name: "fleet", namespace: "flux-system" },
  spec: { interval: "1m", url: "https://git.example.com/fleet", ...spec },
  ...rest,
});

const kustomization = (spec: Record<string, unknown> = {}, rest: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name: "apps", namespace: "flux-system" },
  spec: { interval: "10m", prune: true, sourceRef: { kind: "GitRepository", name: "fleet" }, ...spec },
  ...rest,
});

function findings(object: KubeObject): string {
  const parsed = object.kind === "GitRepository" ? parseGitRepository(object) : parseKustomization(object);
  return parsed.ok ? "" : describeFindings(parsed.findings);
}

describe("parseGitRepository", () => {
  it("fills in Flux's defaults and the initial status", () => {
    const parsed = parseGitRepository(gitRepository({ verify: { secretRef: { name: "keys" } } }));

    expect(parsed).toMatchObject({
      ok: true,
      value: { spec: { timeout: "60s", verify: { mode: "HEAD" } }, status: { observedGeneration: -1 } },
    });
  });

  it("leaves out fields that the schema does not know, as the API server does", () => {
    const parsed = parseGitRepository(gitRepository({ depth: 1 }));

    expect(parsed.ok && Object.keys(parsed.value.spec)).toEqual(["interval", "timeout", "url"]);
  });

  it("treats null as absent", () => {
    const parsed = parseGitRepository(gitRepository({ ref: null, timeout: null }));

    expect(parsed.ok && parsed.value.spec).toEqual({
      interval: "1m",
      timeout: "60s",
      url: "https://git.example.com/fleet",
    });
  });

  it("keeps conditions of other engines", () => {
    const condition = {
      type: "Shiny",
      status: "True",
      reason: "Polished",
      message: "",
      observedGeneration: 2,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };

    const parsed = parseGitRepository(gitRepository({}, { status: { conditions: [condition] } }));

    expect(parsed.ok && parsed.value.status.conditions).toEqual([condition]);
  });

  it.each([
    ["a missing field", gitRepository({ url: undefined }), "spec.url is required"],
    [
      "an scp address",
      gitRepository({ url: "git@example.com:a/b" }),
      'spec.url must match ^(http|https|ssh)://.*$, is "git@example.com:a/b"',
    ],
    [
      "days",
      gitRepository({ interval: "1d" }),
      String.raw`spec.interval must match ^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$, is "1d"`,
    ],
    [
      "hours in a timeout",
      gitRepository({ timeout: "1h" }),
      String.raw`spec.timeout must match ^([0-9]+(\.[0-9]+)?(ms|s|m))+$, is "1h"`,
    ],
    [
      "an unknown provider",
      gitRepository({ provider: "gitlab" }),
      'spec.provider must be one of generic, aws, azure, github, is "gitlab"',
    ],
    [
      "an element of a list",
      gitRepository({ include: [{ repository: { name: "a" } }, { repository: {} }] }),
      "spec.include[1].repository.name is required",
    ],
    ["a number for a list", gitRepository({ sparseCheckout: 3 }), "spec.sparseCheckout must be a list, is 3"],
    [
      "a ServiceAccount without its provider",
      gitRepository({ serviceAccountName: "git" }),
      "spec serviceAccountName can only be set when provider is 'azure' or 'aws'",
    ],
    ["no spec", { ...gitRepository(), spec: undefined }, "spec is required"],
    [
      "another version",
      { ...gitRepository(), apiVersion: "source.toolkit.fluxcd.io/v1beta2" },
      "apiVersion must be source.toolkit.fluxcd.io/v1, is source.toolkit.fluxcd.io/v1beta2",
    ],
    [
      "several at once",
      gitRepository({ interval: 5, suspend: "yes" }),
      'spec.interval must be a string, is 5; spec.suspend must be true or false, is "yes"',
    ],
  ])("reports %s", (_, object, message) => {
    expect(findings(object)).toBe(message);
  });

  it("never shows credentials of an address", () => {
    expect(findings(gitRepository({ url: "ftp://me:secret@example.com/a" }))).not.toContain("secret");
  });
});

describe("parseKustomization", () => {
  it("fills in Flux's defaults", () => {
    const parsed = parseKustomization(
      kustomization({ postBuild: { substituteFrom: [{ kind: "ConfigMap", name: "vars" }] } }),
    );

    expect(parsed.ok && parsed.value.spec).toMatchObject({
      force: false,
      postBuild: { substituteFrom: [{ kind: "ConfigMap", name: "vars", optional: false }] },
    });
  });

  it("reads inventory and history", () => {
    const status = {
      observedGeneration: 1,
      inventory: { entries: [{ id: "default_a__ConfigMap", v: "v1" }] },
      history: [
        {
          digest: "sha256:1",
          firstReconciled: "2026-01-01T00:00:00Z",
          lastReconciled: "2026-01-01T00:00:00Z",
          lastReconciledDuration: "1.2s",
          lastReconciledStatus: "ReconciliationSucceeded",
          totalReconciliations: 3,
        },
      ],
    };

    const parsed = parseKustomization(kustomization({}, { status }));

    expect(parsed.ok && parsed.value.status).toEqual(status);
  });

  it.each([
    ["prune", kustomization({ prune: undefined }), "spec.prune is required"],
    [
      "a source of an unknown kind",
      kustomization({ sourceRef: { kind: "HelmRepository", name: "a" } }),
      'spec.sourceRef.kind must be one of OCIRepository, GitRepository, Bucket, ExternalArtifact, is "HelmRepository"',
    ],
    [
      "an empty targetNamespace",
      kustomization({ targetNamespace: "" }),
      "spec.targetNamespace must have at least 1 characters, has 0",
    ],
    [
      "a long prefix",
      kustomization({ namePrefix: "a".repeat(201) }),
      "spec.namePrefix must have at most 200 characters, has 201",
    ],
    [
      "a label that is no string",
      kustomization({ commonMetadata: { labels: { "a/b": 1 } } }),
      "spec.commonMetadata.labels.a/b must be a string, is 1",
    ],
    [
      "both kinds of kubeConfig",
      kustomization({ kubeConfig: { secretRef: { name: "a" }, configMapRef: { name: "b" } } }),
      "spec.kubeConfig exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
    ],
    [
      "neither kind of kubeConfig",
      kustomization({ kubeConfig: {} }),
      "spec.kubeConfig exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
    ],
  ])("reports %s", (_, object, message) => {
    expect(findings(object)).toBe(message);
  });
});

describe("unsupportedFields", () => {
  const named = (spec: Record<string, unknown>) => {
    const parsed = parseKustomization(kustomization(spec));
    return parsed.ok ? unsupportedFields(parsed.value) : parsed.findings;
  };

  it.each([
    ["decryption", { decryption: { provider: "sops" } }],
    ["sourceRef.kind", { sourceRef: { kind: "Bucket", name: "a" } }],
  ])("names %s", (name, spec) => {
    expect(named(spec)).toEqual([name]);
  });

  it("accepts what is built, and fields that are set without a meaning", () => {
    expect(
      named({
        buildMetadata: ["originAnnotations"],
        commonMetadata: { labels: { team: "a" } },
        components: ["../c"],
        deletionPolicy: "WaitForTermination",
        dependsOn: [{ name: "infrastructure", readyExpr: "true" }],
        force: false,
        healthCheckExprs: [{ apiVersion: "a/v1", current: "true" }],
        healthChecks: [{ kind: "Deployment", name: "a", namespace: "b" }],
        ignoreMissingComponents: true,
        images: [{ name: "a", newTag: "1" }],
        namePrefix: "a-",
        nameSuffix: "-a",
        patches: [{ patch: "{}" }],
        postBuild: { substitute: { a: "1" }, substituteStrategy: "Always" },
        serviceAccountName: "tenant",
        targetNamespace: "apps",
        wait: true,
      }),
    ).toEqual([]);
  });
});
