import { describe, expect, it } from "vitest";

import type { KubeObject, ManagedFieldsEntry } from "../../../shared/api/kube-object.ts";
import { migrateStoredVersions } from "../../../shared/bootstrap/stored-versions.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { type ObjectCluster, objectCluster } from "../../fakes/object-cluster.ts";

const group = "kustomize.toolkit.fluxcd.io";

interface VersionsOfADefinition {
  readonly served?: readonly string[];
  readonly stored?: readonly string[];
  readonly name?: string;
}

const definition = ({
  served = ["v1", "v1beta2"],
  stored = ["v1beta2", "v1"],
  name = `kustomizations.${group}`,
}: VersionsOfADefinition = {}): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name },
  spec: {
    group: name.slice(name.indexOf(".") + 1),
    names: { kind: "Kustomization" },
    versions: ["v1beta2", "v1"].map((version) => ({
      name: version,
      served: served.includes(version),
      storage: version === "v1",
    })),
  },
  status: { storedVersions: stored },
});

const entry = (manager: string, version: string, rest: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
  manager,
  operation: "Apply",
  apiVersion: `${group}/${version}`,
  fieldsType: "FieldsV1",
  fieldsV1: { [`f:${manager}`]: {} },
  ...rest,
});

const kustomization = (name: string, managedFields: readonly ManagedFieldsEntry[] = []): KubeObject => ({
  apiVersion: `${group}/v1`,
  kind: "Kustomization",
  metadata: { name, namespace: "flux-system", managedFields },
});

const ports = (cluster: ObjectCluster) => ({ reader: cluster, writer: cluster, fence: () => undefined });
const ownersOf = (cluster: ObjectCluster, name: string) =>
  cluster.objects().find(({ metadata }) => metadata.name === name)?.metadata.managedFields;
const storedOf = (cluster: ObjectCluster) =>
  cluster.objects().find(({ kind }) => kind === "CustomResourceDefinition")?.status;

describe("migrateStoredVersions", () => {
  it("writes every object anew, and then says in the definition what is stored", async () => {
    const old = [entry("kustomize-controller", "v1beta2"), entry("flux", "v1", { operation: "Update" })];
    const cluster = objectCluster({ objects: [definition(), kustomization("apps", old), kustomization("infra")] });

    expect(await migrateStoredVersions(ports(cluster))).toEqual([]);

    expect(cluster.writes).toEqual([
      "patch Kustomization/flux-system/apps",
      "patch Kustomization/flux-system/infra",
      `patch CustomResourceDefinition/kustomizations.${group}`,
    ]);
    expect(ownersOf(cluster, "apps")).toEqual([
      entry("kustomize-controller", "v1"),
      entry("flux", "v1", { operation: "Update" }),
    ]);
    expect(storedOf(cluster)).toEqual({ storedVersions: ["v1"] });
  });

  it("keeps what one owner had noted in two versions", async () => {
    const status = { operation: "Update", subresource: "status" } as const;
    const owners = [
      entry("gotk", "v1beta2", { ...status, fieldsV1: { "f:status": { "f:conditions": {} } } }),
      entry("gotk", "v1", { ...status, fieldsV1: { "f:status": { "f:inventory": {} } } }),
    ];
    const cluster = objectCluster({ objects: [definition(), kustomization("apps", owners)] });

    await migrateStoredVersions(ports(cluster));

    expect(ownersOf(cluster, "apps")).toEqual([
      entry("gotk", "v1", { ...status, fieldsV1: { "f:status": { "f:conditions": {}, "f:inventory": {} } } }),
    ]);
  });

  it("writes nothing where all is well", async () => {
    const objects = [definition({ stored: ["v1"] }), kustomization("apps", [entry("flux", "v1")])];
    const cluster = objectCluster({ objects });

    expect(await migrateStoredVersions(ports(cluster))).toEqual([]);

    expect(cluster.writes).toEqual([]);
  });

  it("notes owners of the old version anew, although all is stored well", async () => {
    const objects = [
      definition({ stored: ["v1"] }),
      kustomization("apps", [entry("flux", "v1beta2")]),
      kustomization("infra", [entry("flux", "v1")]),
    ];
    const cluster = objectCluster({ objects });

    await migrateStoredVersions(ports(cluster));

    expect(cluster.writes).toEqual(["patch Kustomization/flux-system/apps"]);
    expect(ownersOf(cluster, "apps")).toEqual([entry("flux", "v1")]);
  });

  it("reads in a version that is served while the one that stores is not", async () => {
    const apps = { ...kustomization("apps", [entry("flux", "v1")]), apiVersion: `${group}/v1beta2` };
    const cluster = objectCluster({ objects: [definition({ served: ["v1beta2"] }), apps] });

    await migrateStoredVersions(ports(cluster));

    expect(ownersOf(cluster, "apps")).toEqual([entry("flux", "v1beta2")]);
    expect(storedOf(cluster)).toEqual({ storedVersions: ["v1"] });
  });

  it("leaves the definitions of others alone", async () => {
    const cluster = objectCluster({ objects: [definition({ name: "kustomizations.example.com" })] });

    await migrateStoredVersions(ports(cluster));

    expect(cluster.writes).toEqual([]);
  });

  it("looks again at an object that somebody else writes at the same time", async () => {
    const cluster = objectCluster({ objects: [definition(), kustomization("apps", [entry("flux", "v1beta2")])] });
    let raced = false;
    const { jsonPatch } = cluster;
    const racing: ObjectCluster = {
      ...cluster,
      jsonPatch: (...call) => {
        if (!raced) cluster.put(kustomization("apps", [entry("flux", "v1beta2"), entry("kubectl", "v1beta2")]));
        raced = true;
        return jsonPatch(...call);
      },
    };

    expect(await migrateStoredVersions(ports(racing))).toEqual([]);

    expect(ownersOf(cluster, "apps")).toEqual([entry("flux", "v1"), entry("kubectl", "v1")]);
  });

  it("says which object is refused, writes the others, and leaves the definition as it is", async () => {
    const cluster = objectCluster({ objects: [definition(), kustomization("apps"), kustomization("infra")] });
    const { mergePatch } = cluster;
    const refusing: ObjectCluster = {
      ...cluster,
      mergePatch: async (ref, ...rest) => {
        if (ref.name === "apps") throw new KubeError(403, "Forbidden", "denied by policy");
        return mergePatch(ref, ...rest);
      },
    };

    expect(await migrateStoredVersions(ports(refusing))).toEqual([
      `Kustomization/flux-system/apps cannot be stored as ${group}/v1: denied by policy`,
    ]);

    expect(cluster.writes).toEqual(["patch Kustomization/flux-system/infra"]);
    expect(storedOf(cluster)).toEqual({ storedVersions: ["v1beta2", "v1"] });
  });

  it("passes over an object that is deleted meanwhile", async () => {
    const cluster = objectCluster({ objects: [definition(), kustomization("apps")] });
    const vanishing: ObjectCluster = {
      ...cluster,
      mergePatch: async (ref, ...rest) => {
        if (ref.kind === "Kustomization") throw new KubeError(404, "NotFound", "not found");
        return cluster.mergePatch(ref, ...rest);
      },
    };

    expect(await migrateStoredVersions(ports(vanishing))).toEqual([]);

    expect(storedOf(cluster)).toEqual({ storedVersions: ["v1"] });
  });

  it("begins again after it was killed before the definition", async () => {
    const cluster = objectCluster({ objects: [definition(), kustomization("apps")] });
    let left = 1;
    const fence = () => {
      if (left-- === 0) throw new Error("killed");
    };
    await expect(migrateStoredVersions({ ...ports(cluster), fence })).rejects.toThrow("killed");
    expect(storedOf(cluster)).toEqual({ storedVersions: ["v1beta2", "v1"] });

    await migrateStoredVersions(ports(cluster));

    expect(storedOf(cluster)).toEqual({ storedVersions: ["v1"] });
  });

  it("does not take an API server that cannot be asked for a refusal", async () => {
    const cluster = objectCluster({ objects: [definition(), kustomization("apps")] });
    const busy: ObjectCluster = {
      ...cluster,
      mergePatch: async () => Promise.reject(new KubeError(429, "TooManyRequests", "busy")),
    };

    await expect(migrateStoredVersions(ports(busy))).rejects.toThrow("busy");
  });
});
