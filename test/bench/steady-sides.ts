/** Both engines at rest on API servers of their own, with any number of Kustomizations applied: what does one look cost? */
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { gitRepositoryApiVersion, gitRepositoryKind } from "../../shared/api/git-repository.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import type { GitServer, Repository } from "../fakes/git-server.ts";
import { createRealEngine } from "../real/engine.ts";
import { applyFluxDefinitions, type RealCluster, startFlux, startRealCluster } from "../real/up.ts";
import { createAuditLog } from "./audit-log.ts";
import { benchNamespace } from "./content.ts";
import { connectionOf, fluxNamespace } from "./rig.ts";

export interface Layout {
  /** Names of the Kustomizations; each has the folder of its name. */
  readonly names: readonly string[];
  /** Each refers to a labelled ConfigMap and a labelled Secret. */
  readonly hasVariables: boolean;
}

/** What one look cost. */
export interface Looked {
  readonly requests: number;
  /** Of all answers; NaN where nobody counts them. */
  readonly bytes: number;
  /** Of the API server, less what it burns at rest. */
  readonly cpuSeconds: number;
  readonly seconds: number;
}

export interface SteadySide {
  readonly name: string;
  readonly observer: OpenCluster;
  /** The engine looks at everything once, as it does with each interval or each minute. */
  look(): Promise<Looked>;
  /** What was remembered is lost. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

const clusterName = "steady";
const sourceName = "steady";
const readyWithinMillis = 300_000;
const idleMillis = 3_000;

export async function createSteadyDriftless(
  server: GitServer,
  repository: Repository,
  layout: Layout,
): Promise<SteadySide> {
  const real = await startRealCluster({ audit: true });
  try {
    await applyFluxDefinitions(real.kubeconfigPath);
    const options = { engine: "bench", clusterName, silenceMillis: 200 };
    const engine = await createRealEngine(await connectionOf(real, "admin"), options);
    const { observer } = engine;
    await submit(observer, server, repository, layout);
    const key = { cluster: clusterName, group: "source.toolkit.fluxcd.io", kind: gitRepositoryKind };
    await engine.run(sweepKey(clusterName));
    await engine.run(formatKey({ ...key, namespace: fluxNamespace, name: sourceName }));
    await ready(observer, layout);
    const idle = await idleCpu(real);
    return {
      name: "driftless",
      observer,
      look: async () => {
        engine.skip(60_000);
        Object.assign(engine.requests, { sweep: 0, source: 0, apply: 0 });
        engine.swept.bytes = 0;
        const spent = await measured(real, idle, () => engine.run(sweepKey(clusterName)));
        const { sweep, source, apply } = engine.requests;
        return { ...spent, requests: sweep + source + apply, bytes: engine.swept.bytes };
      },
      forget: () => engine.forgetSweeps(),
      close: async () => {
        await engine.close();
        await real.stop();
      },
    };
  } catch (error) {
    await real.stop();
    throw error;
  }
}

export async function createSteadyFlux(
  server: GitServer,
  repository: Repository,
  layout: Layout,
  scratch: string,
): Promise<SteadySide> {
  const real = await startRealCluster({ audit: true });
  const observer = createCluster(await connectionOf(real, "admin"));
  const marker = createCluster(await connectionOf(real, "bench-marker"));
  const flux = await startFlux(real, { scratch }).catch(async (error: unknown) => {
    await real.stop();
    throw error;
  });
  const log = createAuditLog(real.auditLog);
  await submit(observer, server, repository, layout);
  await ready(observer, layout);
  const idle = await idleCpu(real);

  const taken = async (): Promise<number> => {
    await pause(500);
    await marker.get({ apiVersion: "v1", kind: "Namespace", name: "default" });
    return (log.take().get("kustomize-controller") ?? []).filter((line) => !line.startsWith("watch ")).length;
  };
  return {
    name: "flux",
    observer,
    look: async () => {
      await taken();
      const requestedAt = new Date().toISOString();
      const annotations = { "reconcile.fluxcd.io/requestedAt": requestedAt };
      const spent = await measured(real, idle, async () => {
        for (const name of layout.names)
          await observer.mergePatch(refOf(name), { metadata: { annotations } }, { fieldManager: "bench" });
        await ready(observer, layout, requestedAt);
      });
      return { ...spent, requests: await taken(), bytes: NaN };
    },
    forget: async () => undefined,
    close: async () => {
      await Promise.all([observer.close(), marker.close()]);
      await flux.stop();
      await real.stop();
    },
  };
}

const refOf = (name: string) => ({
  apiVersion: kustomizationApiVersion,
  kind: kustomizationKind,
  namespace: fluxNamespace,
  name,
});

async function submit(
  observer: OpenCluster,
  server: GitServer,
  { folder }: Repository,
  { names, hasVariables }: Layout,
): Promise<void> {
  const url = `${server.url}/${basename(folder)}`;
  const interval = "1h";
  const metadata = { name: sourceName, namespace: fluxNamespace };
  const watched = { ...metadata, labels: { "reconcile.fluxcd.io/watch": "Enabled" } };
  const references = ["ConfigMap", "Secret"].map((kind) => ({ kind, name: sourceName }));
  const objects: readonly KubeObject[] = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: benchNamespace } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: watched, data: { unused: "value" } },
    { apiVersion: "v1", kind: "Secret", metadata: watched, stringData: { secretly: "unused" } },
    {
      apiVersion: gitRepositoryApiVersion,
      kind: gitRepositoryKind,
      metadata,
      spec: { interval, url, ref: { branch: "main" } },
    },
    ...names.map((name) => ({
      apiVersion: kustomizationApiVersion,
      kind: kustomizationKind,
      metadata: { name, namespace: fluxNamespace },
      spec: {
        ...{ interval, path: `./${name}`, prune: true, sourceRef: { kind: gitRepositoryKind, name: sourceName } },
        ...(hasVariables ? { postBuild: { substituteFrom: references } } : {}),
      },
    })),
  ];
  for (const object of objects) await observer.apply(object, { fieldManager: "bench", force: true });
}

interface Status {
  readonly lastHandledReconcileAt?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

/** All are Ready, and have heard of the request. A LIST ten times a second is the observer's, and no part of a look. */
async function ready(observer: OpenCluster, { names }: Layout, requestedAt?: string): Promise<void> {
  let last = "nothing";
  const end = Date.now() + readyWithinMillis;
  while (Date.now() < end) {
    const { items } = await observer.list(kustomizationApiVersion, kustomizationKind, { namespace: fluxNamespace });
    const open = items.filter(({ status }) => {
      const { lastHandledReconcileAt, conditions = [] } = (status ?? {}) as Status;
      const condition = conditions.find(({ type }) => type === "Ready");
      last = condition?.message ?? last;
      return condition?.status !== "True" || (requestedAt !== undefined && lastHandledReconcileAt !== requestedAt);
    });
    if (items.length >= names.length && open.length === 0) return;
    await pause(100);
  }
  throw new Error(`not all were Ready within ${readyWithinMillis / 1000} s: ${last}`);
}

/** Seconds of processor time in a second of rest. */
async function idleCpu(real: RealCluster): Promise<number> {
  await pause(idleMillis);
  const before = real.cpuSeconds();
  await pause(idleMillis);
  return (real.cpuSeconds() - before) / (idleMillis / 1000);
}

async function measured(real: RealCluster, idle: number, work: () => Promise<void>) {
  const [from, cpu] = [performance.now(), real.cpuSeconds()];
  await work();
  const seconds = (performance.now() - from) / 1000;
  return { seconds, cpuSeconds: Math.max(0, real.cpuSeconds() - cpu - idle * seconds) };
}
