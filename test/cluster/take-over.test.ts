/**
 * A cluster that real Flux serves, with objects from the time of an older API version, is taken over and handed back: the
 * same objects, owners and inventories all the way, and `flux check` content with every step.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createProgram } from "../../cli/program.ts";
import { type KubeObject, type ObjectRef, refOf, subject } from "../../shared/api/kube-object.ts";
import { ownershipRef } from "../../shared/bootstrap/ownership.ts";
import { fluxRbac, fluxServiceAccounts } from "../../shared/bootstrap/rbac.ts";
import { conditionsOf, fieldAt } from "../../shared/health/fields.ts";
import { parseKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { aWorld, programPorts } from "../cli/world.ts";
import { clusterName, createLiveWorld, type LiveWorld } from "../engine/live-world.ts";
import { readClusterRecord } from "../../shared/runtime/cluster-record.ts";
import {
  fluxDefinitionFolders,
  missingForCluster,
  REAL_BIN,
  type RealCluster,
  type RealFlux,
  startFlux,
  startRealCluster,
} from "../real/up.ts";

const run = promisify(execFile);
const folders = await fluxDefinitionFolders();
const missing =
  missingForCluster("flux", "source-controller", "kustomize-controller") ??
  (folders ? undefined : "Flux's definitions are not in the module cache (test/real/build.sh controllers)");
if (missing) console.warn(`skipped: ${missing}`);

const partOfFlux = { "app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": "flux-system" };
const sourceGroup = "source.toolkit.fluxcd.io";
const kustomizeGroup = "kustomize.toolkit.fluxcd.io";

type Version = Readonly<Record<string, unknown>> & { readonly name: string };

/** The definitions as they are released: `v1` alone. */
const released = (): readonly KubeObject[] =>
  (folders ?? [])
    .flatMap((folder) => readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8")))
    .flatMap((text) => parseKubeYaml(text) as unknown as KubeObject[])
    .map((object) => ({ ...object, metadata: { name: object.metadata.name, labels: partOfFlux } }));

/** As an older release had them: `v1beta2`, which looks like `v1`, is served too. */
const withBeta = (storage: "v1" | "v1beta2"): readonly KubeObject[] =>
  released().map((definition) => {
    const [v1] = fieldAt(definition, "spec", "versions") as readonly Version[];
    const versions = ["v1beta2", "v1"].map((name) => ({ ...v1, name, storage: name === storage }));
    return { ...definition, spec: { ...(definition.spec as object), versions } };
  });

const controller = (name: string): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "flux-system", labels: { ...partOfFlux, "app.kubernetes.io/component": name } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { serviceAccountName: name, containers: [{ name: "manager", image: `ghcr.io/fluxcd/${name}:v1.7.0` }] },
    },
  },
});

const components = (definitions: readonly KubeObject[]): string =>
  [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "flux-system", labels: partOfFlux } },
    ...definitions,
    ...fluxServiceAccounts(),
    ...fluxRbac(),
    controller("source-controller"),
    controller("kustomize-controller"),
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");

const sync = (version: string, url: string): readonly KubeObject[] => [
  {
    apiVersion: `${sourceGroup}/${version}`,
    kind: "GitRepository",
    metadata: { name: "flux-system", namespace: "flux-system" },
    spec: { interval: "10m0s", ref: { branch: "main" }, url },
  },
  {
    apiVersion: `${kustomizeGroup}/${version}`,
    kind: "Kustomization",
    metadata: { name: "flux-system", namespace: "flux-system" },
    spec: {
      interval: "10m0s",
      path: "./clusters/production",
      prune: true,
      sourceRef: { kind: "GitRepository", name: "flux-system" },
    },
  },
];

const apps = (version: string): string => `
apiVersion: ${kustomizeGroup}/${version}
kind: Kustomization
metadata: { name: apps, namespace: flux-system }
spec: { interval: 10m0s, path: ./apps, prune: true, sourceRef: { kind: GitRepository, name: flux-system } }
`;

const workloads = (color: string, version: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: shop }
data: { color: ${color} }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "web:1" }] }
---
apiVersion: ${sourceGroup}/${version}
kind: HelmRepository
metadata: { name: charts, namespace: flux-system }
spec: { interval: 10m0s, url: "https://charts.example.com", suspend: true }
`;

const repository = (version: string, definitions: readonly KubeObject[], url: string, color: string) => ({
  "clusters/production/flux-system/gotk-components.yaml": components(definitions),
  "clusters/production/flux-system/gotk-sync.yaml": sync(version, url)
    .map((object) => JSON.stringify(object))
    .join("\n---\n"),
  "clusters/production/apps.yaml": apps(version),
  "apps/shop.yaml": workloads(color, version),
});

const settings: ObjectRef = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };
const kustomization = (name: string): ObjectRef => ({
  apiVersion: `${kustomizeGroup}/v1`,
  kind: "Kustomization",
  namespace: "flux-system",
  name,
});

interface Seen {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  /** Who owns something, without the version in which it is noted. */
  readonly owners: readonly string[];
  readonly versions: readonly string[];
}

describe.skipIf(missing !== undefined)("a cluster that Flux serves", () => {
  let real: RealCluster;
  let world: LiveWorld;
  let flux: RealFlux | undefined;
  let before: Readonly<Record<string, Seen>>;
  let inventories: Awaited<ReturnType<typeof inventoriesOf>>;
  let kubelet: NodeJS.Timeout;

  const kubectl = (...args: readonly string[]) =>
    run(join(REAL_BIN, "kubectl"), ["--kubeconfig", real.kubeconfigPath, ...args]);
  const fluxCli = (...args: readonly string[]) =>
    run(join(REAL_BIN, "flux"), ["--kubeconfig", real.kubeconfigPath, ...args]);
  /** Rejects, with what was found, unless it exits with 0. */
  const check = () => fluxCli("check", "--poll-interval", "200ms", "--timeout", "20s");

  const driftless = async (command: string, ahead = 0) => {
    const terminal = aWorld([], { clusters: [{ name: clusterName, cluster: world.cluster }] });
    const clock = { now: () => Date.now() + ahead, sleep: (millis: number): Promise<void> => pause(millis) };
    const program = createProgram(
      { ...programPorts(terminal), connect: async () => ({ ...terminal.ports, clock }) },
      {},
    );
    await program.parseAsync(command.split(" "), { from: "user" });
    return terminal.stderr();
  };

  const inventoryOf = async (name: string) =>
    fieldAt(await world.cluster.get(kustomization(name)), "status", "inventory", "entries") as readonly {
      id: string;
      v: string;
    }[];

  const inventoriesOf = async () => [await inventoryOf("flux-system"), await inventoryOf("apps")];

  /** Everything that the two Kustomizations applied, the roots included. */
  async function observe(): Promise<Readonly<Record<string, Seen>>> {
    const seen: Record<string, Seen> = {};
    const kinds = [
      ...sync("v1", ""),
      ...parseKubeYaml(apps("v1")),
      ...parseKubeYaml(workloads("", "v1")),
    ] as KubeObject[];
    const all = [...kinds, ...(parseKubeYaml(components(released())) as unknown as KubeObject[])];
    for (const object of all) {
      const live = await world.cluster.get(refOf(object));
      const { uid, resourceVersion, managedFields = [] } = live?.metadata ?? { name: "" };
      const owners = managedFields.map(({ manager, operation, subresource = "" }) =>
        [manager, operation, subresource].join(" "),
      );
      seen[subject(object)] = {
        uid,
        resourceVersion,
        owners: [...new Set(owners)].sort(),
        versions: [...new Set(managedFields.map(({ apiVersion = "" }) => apiVersion))],
      };
    }
    return seen;
  }

  const pick = <K extends keyof Seen>(seen: Readonly<Record<string, Seen>>, ...fields: readonly K[]) =>
    Object.fromEntries(
      Object.entries(seen).map(([name, all]) => [name, Object.fromEntries(fields.map((field) => [field, all[field]]))]),
    );

  /** Until it is handed back, a controller at rest bears a note of what it had. */
  const whileTaken = (seen: ReturnType<typeof pick>) =>
    Object.fromEntries(
      Object.entries(seen).map(([name, all]) => [
        name,
        name.startsWith("Deployment/flux-system/")
          ? { ...all, owners: ["driftless Update ", ...((all.owners ?? []) as readonly string[])] }
          : all,
      ]),
    );

  const storedVersions = async () => {
    const { items } = await world.cluster.list("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    return [
      ...new Set(items.map(({ status }) => JSON.stringify((status as { storedVersions: string[] }).storedVersions))),
    ];
  };
  const frozen = async () => (await readClusterRecord(world.table, clusterName))?.frozen;
  const colorOf = async () => fieldAt(await world.cluster.get(settings), "data", "color");
  const readyOf = async (name: string) => {
    const object = await world.cluster.get(kustomization(name));
    return object && conditionsOf(object).find(({ type }) => type === "Ready");
  };
  const scale = (name: string, replicas: number) =>
    kubectl("-n", "flux-system", "scale", "deployment", name, `--replicas=${replicas}`);
  const push = async (files: Readonly<Record<string, string>>) => {
    world.repository.commit(files);
    await world.trigger("GitRepository", "flux-system");
  };
  async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
    for (let attempt = 0; !(await holds()); attempt += 1) {
      if (attempt === 150) throw new Error(`${what}: not within 30 s`);
      await pause(200);
    }
  }

  /** There are no nodes: pods that wait are called ready here. */
  async function playKubelet(): Promise<void> {
    const { items } = await world.cluster.list("v1", "Pod", { namespace: "flux-system" });
    for (const pod of items.filter(({ status }) => (status as { phase?: string }).phase === "Pending"))
      await world.cluster.mergePatch(
        refOf(pod),
        { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } },
        { fieldManager: "kubelet", subresource: "status" },
      );
  }

  beforeAll(async () => {
    real = await startRealCluster();
    const { cert, key } = await real.certificateOf("admin");
    const connection = { server: real.url, ca: real.ca, clientCertificate: cert, clientKey: key };
    world = await createLiveWorld(connection, { takeOver: true });
    const { cluster, url } = world;
    kubelet = setInterval(() => void playKubelet().catch(() => undefined), 200);

    await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "flux-system" } }, "flux");
    for (const definition of withBeta("v1beta2")) await cluster.create(definition, "flux");
    await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
    world.repository.commit(repository("v1beta2", withBeta("v1"), url, "green"));
    for (const object of sync("v1beta2", url)) await cluster.apply(object, { fieldManager: "flux" });
    for (const definition of withBeta("v1")) await cluster.apply(definition, { fieldManager: "flux", force: true });
    flux = await startFlux(real, { definitions: false });
    await until(async () => (await readyOf("apps"))?.status === "True", "apps is Ready under Flux");
    await until(async () => (await readyOf("flux-system"))?.status === "True", "the root is Ready under Flux");
    await fluxCli("reconcile", "kustomization", "flux-system", "--with-source");
    await fluxCli("reconcile", "kustomization", "apps");
    await check();
    before = await observe();
    inventories = await inventoriesOf();
  }, 120_000);

  afterAll(async () => {
    clearInterval(kubelet);
    await flux?.stop();
    await world.close();
    await real.stop();
  });

  it("is left alone while Flux runs", async () => {
    expect(await storedVersions()).toContain('["v1beta2","v1"]');
    expect(before["Kustomization/flux-system/apps"]?.versions).toContain(`${kustomizeGroup}/v1beta2`);
    world.takeRequests();

    await world.sweep();

    expect(await frozen()).toHaveLength(2);
    expect(world.takeRequests().filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect(await world.cluster.get(ownershipRef)).toBeUndefined();
  });

  it("comes to rest when its pods have ended and its leases are over", async () => {
    await flux?.stop();
    flux = undefined;
    const renewTime = new Date().toISOString().replace("Z", "000Z");
    await world.cluster.create(
      {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: "kustomize-controller-leader-election", namespace: "flux-system" },
        spec: { holderIdentity: "pod", leaseDurationSeconds: 4, renewTime },
      },
      "kustomize-controller",
    );

    const said = await driftless("take-over --silent --timeout 30s");

    expect(said).toContain("Deployment/flux-system/source-controller scaled from 1 to 0");
    expect(Date.now() - Date.parse(renewTime)).toBeGreaterThanOrEqual(4000);
    expect((await world.cluster.list("v1", "Pod", { namespace: "flux-system" })).items).toEqual([]);
    await check();
  });

  it("is taken over as it is, stored and owned in the version that stays", async () => {
    await world.sweep();

    expect(await frozen()).toEqual([]);
    expect(await storedVersions()).toEqual(['["v1"]']);
    const now = await observe();
    expect(pick(now, "uid", "owners")).toEqual(whileTaken(pick(before, "uid", "owners")));
    expect(await inventoriesOf()).toEqual(inventories);
    await check();
  });

  it("has owners that an apply noted in the old version noted anew", async () => {
    const ref = kustomization("apps");
    const { managedFields = [] } = (await world.cluster.get(ref))?.metadata ?? { name: "" };
    const value = managedFields.map((entry) => ({ ...entry, apiVersion: `${kustomizeGroup}/v1beta2` }));
    const operations = [{ op: "replace", path: "/metadata/managedFields", value }];
    await world.cluster.jsonPatch(ref, operations, { fieldManager: "test" });
    expect((await observe())["Kustomization/flux-system/apps"]?.versions).toEqual([`${kustomizeGroup}/v1beta2`]);
    await world.table.update({ pk: `CL#${clusterName}`, sk: "META" }, { update: "REMOVE migratedAt", values: {} });

    await world.sweep();

    const now = await observe();
    expect(now["Kustomization/flux-system/apps"]?.versions).toEqual([`${kustomizeGroup}/v1`]);
    expect(pick(now, "owners")).toEqual(whileTaken(pick(before, "owners")));
  });

  it("deploys what is pushed: definitions without the old version, manifests in the new one", async () => {
    await push(repository("v1", released(), world.url, "blue"));

    expect(await readyOf("flux-system")).toMatchObject({ status: "True" });
    expect(await readyOf("apps")).toMatchObject({ status: "True" });
    expect(await colorOf()).toBe("blue");
    const now = await observe();
    expect(pick(now, "uid", "owners")).toEqual(whileTaken(pick(before, "uid", "owners")));
    expect(JSON.stringify(pick(now, "versions"))).not.toContain("v1beta2");
    expect(await inventoriesOf()).toEqual(
      inventories.map((entries) => entries.map((entry) => ({ ...entry, v: "v1" }))),
    );
    await check();
  });

  it("freezes within one sweep when a controller is scaled up, and goes on when it is down again", async () => {
    await scale("kustomize-controller", 1);
    await world.sweep();
    world.takeRequests();

    await push({ "apps/shop.yaml": workloads("red", "v1") });
    await world.sweep();

    expect(await frozen()).toEqual([expect.stringContaining("kustomize-controller has 1 replicas")]);
    expect(world.takeRequests().filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect(await colorOf()).toBe("blue");

    await scale("kustomize-controller", 0);
    await until(
      async () => (await world.cluster.list("v1", "Pod", { namespace: "flux-system" })).items.length === 0,
      "the pods end",
    );
    await until(async () => {
      await world.sweep();
      return (await frozen())?.length === 0;
    }, "the cluster thaws");
    await world.trigger("GitRepository", "flux-system");
    expect(await colorOf()).toBe("red");
  });

  it("is handed back: Flux goes on, and finds nothing to write", async () => {
    const applied = await observe();
    inventories = await inventoriesOf();
    const said = await driftless("hand-back --silent", 4 * 60_000);
    expect(said).toContain("Deployment/flux-system/kustomize-controller scaled from 0 to 1");
    flux = await startFlux(real, { definitions: false });
    await fluxCli("reconcile", "kustomization", "flux-system", "--with-source", "--timeout", "30s");
    await fluxCli("reconcile", "kustomization", "apps", "--timeout", "30s");
    await check();

    const now = await observe();
    expect(pick(now, "uid", "owners")).toEqual(pick(before, "uid", "owners"));
    const written = Object.keys(now).filter((name) => now[name]?.resourceVersion !== applied[name]?.resourceVersion);
    // Its own objects, whose status it writes, and its own controllers, which run again.
    expect(written.filter((name) => !/^(?:GitRepository|Kustomization|Deployment)\/flux-system\//.test(name))).toEqual(
      [],
    );
    expect(await inventoriesOf()).toEqual(inventories);
    const { items } = await world.cluster.list("rbac.authorization.k8s.io/v1", "ClusterRole");
    expect(items.filter(({ metadata: { name } }) => name.startsWith("driftless"))).toEqual([]);
  });
});
