import { describe, expect, it } from "vitest";

import {
  applySettingsOf,
  defaultFluxSettings,
  type FluxSettings,
  readFluxSettings,
} from "../../../shared/config/flux-settings.ts";
import {
  controller,
  hasRealComponents,
  kustomizeController,
  readComponents,
  realComponents,
  withArgs,
} from "./flux-deployments.ts";

const understood = { refused: [], warnings: [] };
const defaults = defaultFluxSettings();
const kustomize = (...args: readonly string[]) => readFluxSettings([kustomizeController(...args)]);

describe("readFluxSettings", () => {
  it("is as Flux 2.10 without flags where the repository runs no Flux", () => {
    expect(readFluxSettings([])).toEqual({
      compatibility: "2.10",
      kustomize: {
        noCrossNamespaceRefs: false,
        noRemoteBases: false,
        defaultServiceAccount: "",
        defaultDecryptionServiceAccount: "",
        defaultKubeConfigServiceAccount: "",
        insecureKubeconfigExec: false,
        insecureKubeconfigTls: false,
        requeueDependencySeconds: 30,
        intervalJitterPercentage: 5,
        customApplyStageKinds: [],
        overrideManagers: [],
        overrideManagersBeforeDryRun: [],
        watchConfigsLabelSelector: "reconcile.fluxcd.io/watch=Enabled",
        sopsAgeSecret: "",
        sopsVaultConfigMap: "",
        watched: [{ namespace: "", labelSelector: "" }],
        gates: {
          AdditiveCELDependencyCheck: false,
          CacheSecretsAndConfigMaps: false,
          CancelHealthCheckOnNewRevision: false,
          DirectSourceFetch: false,
          DisableCommitStatusEvent: false,
          DisableConfigWatchers: false,
          DisableFailFastBehavior: false,
          DisableStatusPollerCache: true,
          ExternalArtifact: false,
          GroupChangeLog: false,
          MigrateAPIVersion: false,
          ObjectLevelWorkloadIdentity: true,
          StrictPostBuildSubstitutions: true,
        },
      },
      source: {
        defaultServiceAccount: "",
        insecureAllowHttp: true,
        intervalJitterPercentage: 5,
        sshKexAlgos: [],
        sshHostKeyAlgos: [],
        watchConfigsLabelSelector: "reconcile.fluxcd.io/watch=Enabled",
        watched: [{ namespace: "", labelSelector: "" }],
      },
      ...understood,
    });
  });

  it.each<[readonly string[], Partial<FluxSettings["kustomize"]>]>([
    [["--no-cross-namespace-refs=true"], { noCrossNamespaceRefs: true }],
    [["--no-cross-namespace-refs"], { noCrossNamespaceRefs: true }],
    [["--no-remote-bases=T"], { noRemoteBases: true }],
    [["--no-remote-bases", "--no-remote-bases=0"], {}],
    [["--no-remote-bases", "false"], { noRemoteBases: true }],
    [["--default-service-account=default"], { defaultServiceAccount: "default" }],
    [["--default-service-account", "tenant"], { defaultServiceAccount: "tenant" }],
    [["--default-decryption-service-account=sops"], { defaultDecryptionServiceAccount: "sops" }],
    [["--default-kubeconfig-service-account=remote"], { defaultKubeConfigServiceAccount: "remote" }],
    [["--insecure-kubeconfig-exec"], { insecureKubeconfigExec: true }],
    [["--insecure-kubeconfig-tls=true"], { insecureKubeconfigTls: true }],
    [["--requeue-dependency=5s"], { requeueDependencySeconds: 5 }],
    [["--requeue-dependency=1m30s"], { requeueDependencySeconds: 90 }],
    [["--interval-jitter-percentage=10"], { intervalJitterPercentage: 10 }],
    [
      ["--custom-apply-stage-kinds=rbac.authorization.k8s.io/Role,ConfigMap"],
      { customApplyStageKinds: ["rbac.authorization.k8s.io/Role", "/ConfigMap"] },
    ],
    [["--override-manager=a", "--override-manager", "b,c"], { overrideManagers: ["a", "b,c"] }],
    [["--override-manager-before-dry-run=old"], { overrideManagersBeforeDryRun: ["old"] }],
    [["--watch-configs-label-selector=owner!=helm"], { watchConfigsLabelSelector: "owner!=helm" }],
    [["--watch-configs-label-selector="], { watchConfigsLabelSelector: "" }],
    [["--sops-age-secret=keys"], { sopsAgeSecret: "keys" }],
    [["--sops-vault-configmap=vaults"], { sopsVaultConfigMap: "vaults" }],
    [["--watch-all-namespaces=false"], { watched: [{ namespace: "flux-system", labelSelector: "" }] }],
    [["--watch-label-selector=a in (b,c)"], { watched: [{ namespace: "", labelSelector: "a in (b,c)" }] }],
    [["--", "--no-remote-bases"], {}],
  ])("reads %j of kustomize-controller", (args, changed) => {
    expect(kustomize(...args)).toEqual({ ...defaults, kustomize: { ...defaults.kustomize, ...changed } });
  });

  it.each<[readonly string[], Partial<FluxSettings["source"]>]>([
    [["--default-service-account=sources"], { defaultServiceAccount: "sources" }],
    [["--insecure-allow-http=false"], { insecureAllowHttp: false }],
    [["--interval-jitter-percentage=0"], { intervalJitterPercentage: 0 }],
    [["--ssh-kex-algos=a,b", "--ssh-kex-algos=c"], { sshKexAlgos: ["a", "b", "c"] }],
    [["--ssh-hostkey-algos=ssh-ed25519"], { sshHostKeyAlgos: ["ssh-ed25519"] }],
    [["--watch-label-selector=!shard"], { watched: [{ namespace: "", labelSelector: "!shard" }] }],
  ])("reads %j of source-controller", (args, changed) => {
    expect(readFluxSettings([controller("source-controller", args)])).toEqual({
      ...defaults,
      source: { ...defaults.source, ...changed },
    });
  });

  it("reads feature gates, the last of equals counting", () => {
    const args = ["--feature-gates=AdditiveCELDependencyCheck=true,GroupChangeLog=1", "--feature-gates"];
    const settings = kustomize(...args, " StrictPostBuildSubstitutions = false ,GroupChangeLog=f");

    expect(settings).toEqual({
      ...defaults,
      kustomize: {
        ...defaults.kustomize,
        gates: {
          ...defaults.kustomize.gates,
          AdditiveCELDependencyCheck: true,
          StrictPostBuildSubstitutions: false,
        },
      },
    });
  });

  it.each([
    ["2.9", false],
    ["2.10", true],
  ] as const)("sets a gate that was retired in 2.10 only before it: %s", (compatibility, enabled) => {
    const objects = [kustomizeController("--feature-gates=ObjectLevelWorkloadIdentity=false")];

    const settings = readFluxSettings(objects, { compatibility });

    expect(settings.kustomize.gates.ObjectLevelWorkloadIdentity).toBe(enabled);
    expect(settings.refused).toEqual([]);
  });

  it.each([
    ["--deny-remote-sources", "may forbid something"],
    ["--no-plain-http=true", "may forbid something"],
    ["--default-tenant-role=viewer", "may forbid something"],
    ["--allowed-hosts=a", "may forbid something"],
    ["--no-remote-bases=yes", 'invalid boolean "yes"'],
    ["--no-remote-bases=", 'invalid boolean ""'],
    ["--requeue-dependency=30", 'invalid duration "30"'],
    ["--requeue-dependency=0s", "want more than zero"],
    ["--interval-jitter-percentage=100", "below 100"],
    ["--watch-label-selector=a=b=c", "unable to parse requirement"],
    ["--watch-configs-label-selector=!", "unable to parse requirement"],
    ["--feature-gates=TimeTravel=true", "feature gate TimeTravel is unknown"],
    ["--feature-gates=TimeTravel=false", "feature gate TimeTravel is unknown"],
    ["--feature-gates=GroupChangeLog", 'malformed pair "GroupChangeLog"'],
    ["--feature-gates=GroupChangeLog=on", 'invalid boolean "on"'],
    ["-no-remote-bases=true", "cannot be read"],
    ["--=true", "cannot be read"],
    ["--default-service-account", "cannot be read"],
    ["--default-service-account=$(TENANT_ACCOUNT)", "only the pod knows"],
    ["$(EXTRA_FLAG)", "cannot be read"],
  ])("refuses %s", (word, reason) => {
    expect(kustomize("--log-level=info", word).refused).toEqual([
      expect.stringMatching(/^Deployment\/flux-system\/kustomize-controller: /),
    ]);
    expect(kustomize(word).refused[0]).toContain(reason);
  });

  it("does not let a flag that it does not know hide the next one", () => {
    const settings = kustomize("--turbo", "--no-remote-bases=true");

    expect(settings.kustomize.noRemoteBases).toBe(true);
    expect(settings.refused).toEqual([]);
    expect(settings.warnings).toEqual([
      "Deployment/flux-system/kustomize-controller: --turbo is unknown and has no effect",
    ]);
  });

  it("refuses a lock-down flag that it does not know of a controller whose kinds it leaves alone", () => {
    const settings = readFluxSettings([
      controller("helm-controller", ["--no-cross-namespace-refs=true", "--no-hooks", "--feature-gates=Magic=true"]),
    ]);

    expect(settings.refused).toEqual([
      "Deployment/flux-system/helm-controller: --no-hooks is unknown and may forbid something: update the engine, or remove the flag",
      "Deployment/flux-system/helm-controller: feature gate Magic is unknown: update the engine, or remove it from --feature-gates",
    ]);
  });

  it("resolves variables that the manifest itself gives", () => {
    const settings = readFluxSettings([
      controller("kustomize-controller", ["--default-service-account=$(NS)-$(ROLE)", "--sops-age-secret=$$x"], {
        container: {
          env: [
            { name: "NS", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
            { name: "ROLE", value: "viewer" },
          ],
        },
      }),
    ]);

    expect(settings.kustomize).toMatchObject({
      defaultServiceAccount: "flux-system-viewer",
      sopsAgeSecret: "$x",
    });
    expect(settings.refused).toEqual([]);
  });

  it("does not mind a variable of the pod in what means nothing here", () => {
    expect(kustomize("--events-addr=http://$(HOST)/", "--events-addr", "http://$(HOST)/").refused).toEqual([]);
  });

  it("reads flags of a command, and of the only container when none is named manager", () => {
    const settings = readFluxSettings([
      controller("kustomize-controller", ["--no-cross-namespace-refs"], {
        container: { name: "main", command: ["tini", "--", "kustomize-controller", "--no-remote-bases"] },
      }),
    ]);

    expect(settings.kustomize).toMatchObject({ noCrossNamespaceRefs: true, noRemoteBases: true });
  });

  it("refuses a Deployment in which it cannot find the controller", () => {
    const two = controller("kustomize-controller");
    const spec = { template: { spec: { containers: [{ name: "a" }, { name: "b" }] } } };

    expect(readFluxSettings([{ ...two, spec }]).refused).toEqual([
      'Deployment/flux-system/kustomize-controller: none of its containers is named "manager": name the controller\'s so',
    ]);
  });

  it("knows a controller by its name alone, in Flux's namespace only", () => {
    const lockdown = ["--no-remote-bases"];
    const bare = controller("kustomize-controller", lockdown, { labels: {} });
    const elsewhere = controller("kustomize-controller", lockdown, { namespace: "apps" });

    expect(readFluxSettings([bare]).kustomize.noRemoteBases).toBe(true);
    expect(readFluxSettings([elsewhere])).toEqual({
      ...defaults,
      warnings: ["Deployment/apps/kustomize-controller: its flags are not read outside flux-system"],
    });
  });
});

describe("readFluxSettings of several shards", () => {
  const shards = (main: readonly string[], shard: readonly string[]) =>
    readFluxSettings([
      controller("kustomize-controller", ["--watch-label-selector=key in (shard1)", ...shard], {
        name: "a-shard",
      }),
      controller("kustomize-controller", ["--watch-label-selector=!key", ...main]),
    ]);

  it("serves what any of them watches", () => {
    expect(shards([], []).kustomize.watched).toEqual([
      { namespace: "", labelSelector: "!key" },
      { namespace: "", labelSelector: "key in (shard1)" },
    ]);
  });

  it("serves all when one of them watches all", () => {
    const settings = readFluxSettings([
      kustomizeController(),
      controller("kustomize-controller", ["--watch-label-selector=a"], { name: "kustomize-controller-a" }),
    ]);

    expect(settings.kustomize.watched).toEqual([{ namespace: "", labelSelector: "" }]);
  });

  it.each<[string, string, Partial<FluxSettings["kustomize"]>]>([
    ["--no-remote-bases", "", { noRemoteBases: true }],
    ["", "--no-cross-namespace-refs", { noCrossNamespaceRefs: true }],
    ["--insecure-kubeconfig-exec", "", { insecureKubeconfigExec: false }],
    ["", "--insecure-kubeconfig-tls", { insecureKubeconfigTls: false }],
    ["", "--default-service-account=a", { defaultServiceAccount: "a" }],
    ["--default-decryption-service-account=a", "", { defaultDecryptionServiceAccount: "a" }],
    ["--sops-age-secret=a", "", { sopsAgeSecret: "" }],
    ["", "--sops-vault-configmap=a", { sopsVaultConfigMap: "" }],
  ])("takes the strictest of %j and %j", (main, shard, strictest) => {
    expect(shards([main], [shard])).toMatchObject({ kustomize: strictest, ...understood });
  });

  it.each([
    ["--feature-gates=ExternalArtifact=true", { ExternalArtifact: false }],
    ["--feature-gates=AdditiveCELDependencyCheck=true", { AdditiveCELDependencyCheck: true }],
    ["--feature-gates=StrictPostBuildSubstitutions=false", { StrictPostBuildSubstitutions: true }],
  ])("takes the strictest where one of them has %s", (word, gates) => {
    expect(shards([word], []).kustomize.gates).toMatchObject(gates);
    expect(shards([], [word])).toMatchObject({ kustomize: { gates }, ...understood });
  });

  it.each([
    ["--default-service-account=a", "--default-service-account=b"],
    ["--sops-vault-configmap=a", "--sops-vault-configmap=b"],
  ])("refuses %s beside %s, for neither is the stricter", (main, shard) => {
    expect(shards([main], [shard]).refused).toEqual([
      expect.stringMatching(/^kustomize-controller: its Deployments differ in --.* \("a", "b"\): no value/),
    ]);
  });

  it("takes what is no lock-down from the one that bears the controller's name, and warns", () => {
    const settings = shards(
      ["--requeue-dependency=5s", "--feature-gates=GroupChangeLog=true"],
      ["--requeue-dependency=1m"],
    );

    expect(settings.kustomize).toMatchObject({ requeueDependencySeconds: 5, gates: { GroupChangeLog: true } });
    expect(settings.warnings).toEqual([
      "kustomize-controller: its Deployments differ in --requeue-dependency (5, 60): the first one counts for all shards",
      "kustomize-controller: its Deployments differ in feature gate GroupChangeLog: the first one counts for all shards",
    ]);
    expect(settings.refused).toEqual([]);
  });
});

describe("readFluxSettings and the level of compatibility", () => {
  const at = (version: string) =>
    controller("kustomize-controller", [], {
      labels: { "app.kubernetes.io/part-of": "flux", "app.kubernetes.io/version": version },
    });

  it.each([
    ["v2.8.5", "2.8", false, false],
    ["v2.9.3", "2.9", true, false],
    ["2.10.0-rc.1", "2.10", true, true],
  ])("keeps the defaults of %s", (version, compatibility, strict, identity) => {
    expect(readFluxSettings([at(version)])).toMatchObject({
      compatibility,
      kustomize: { gates: { StrictPostBuildSubstitutions: strict, ObjectLevelWorkloadIdentity: identity } },
      ...understood,
    });
  });

  it.each([
    ["v2.2.3", "2.8"],
    ["v1.0.0", "2.8"],
    ["v2.11.0", "2.10"],
    ["v3.0.0", "2.10"],
    ["latest", "2.10"],
  ])("takes the nearest for %s and says so", (version, compatibility) => {
    const settings = readFluxSettings([at(version)]);

    expect(settings.compatibility).toBe(compatibility);
    expect(settings.warnings).toEqual([expect.stringContaining(`state version "${version}" of Flux`)]);
  });

  it("lets the fleet file decide", () => {
    const settings = readFluxSettings([at("v2.2.3")], { compatibility: "2.9" });

    expect(settings).toMatchObject({ compatibility: "2.9", ...understood });
  });

  it("asks Flux's namespace where the controllers bear no version", () => {
    const labels = { "app.kubernetes.io/version": "v2.8.0" };
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "flux-system", labels } };
    const operator = controller("flux-operator", [], { labels: { "app.kubernetes.io/version": "v2.9.0" } });

    expect(readFluxSettings([operator, namespace]).compatibility).toBe("2.8");
  });
});

describe.skipIf(!hasRealComponents)("readFluxSettings of real fleets (skipped without ../shared/fleets)", () => {
  it("understands the install manifests of Flux 2.9", () => {
    const settings = readFluxSettings(readComponents(realComponents["2.9"]));

    expect(settings).toEqual(defaultFluxSettings("2.9"));
  });

  it("understands those of Flux 2.2, at the oldest level", () => {
    const { warnings, ...settings } = readFluxSettings(readComponents(realComponents["2.2"]));

    expect({ ...settings, warnings: [] }).toEqual(defaultFluxSettings("2.8"));
    expect(warnings).toHaveLength(1);
  });

  it("locks down as the patches of flux2-multi-tenancy do", () => {
    const real = readComponents(realComponents["2.9"]);
    const all =
      /(kustomize-controller|helm-controller|notification-controller|image-reflector-controller|image-automation-controller)/;
    const tenants = withArgs(real, all, "--no-cross-namespace-refs=true");
    const local = withArgs(tenants, /kustomize-controller/, "--no-remote-bases=true");
    const locked = withArgs(local, /(kustomize-controller|helm-controller)/, "--default-service-account=default");

    const settings = readFluxSettings(locked);

    const expected = defaultFluxSettings("2.9");
    expect(settings).toEqual({
      ...expected,
      kustomize: {
        ...expected.kustomize,
        noCrossNamespaceRefs: true,
        noRemoteBases: true,
        defaultServiceAccount: "default",
      },
    });
  });

  it("reads the pace that flux2-kustomize-helm-example sets", () => {
    const real = readComponents(realComponents["2.9"]);
    const controllers = /(kustomize-controller|helm-controller|source-controller)/;

    const settings = readFluxSettings(withArgs(real, controllers, "--concurrent=20", "--requeue-dependency=5s"));

    expect(settings.kustomize.requeueDependencySeconds).toBe(5);
    expect(settings).toMatchObject(understood);
  });
});

describe("applySettingsOf", () => {
  it("hands on what changes an apply", () => {
    const settings = kustomize(
      "--custom-apply-stage-kinds=apps/Deployment",
      "--override-manager=a",
      "--override-manager-before-dry-run=b",
      "--feature-gates=MigrateAPIVersion=true",
    );

    expect(applySettingsOf(settings)).toEqual({
      customStageKinds: new Set(["apps/Deployment"]),
      overrideManagers: ["a"],
      overrideManagersBeforeDryRun: ["b"],
      migrateApiVersion: true,
    });
  });
});
