/** The two engines of B9 and B10, each on an API server of its own, told of every Kustomization as it is submitted. */
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { gitRepositoryApiVersion, gitRepositoryKind } from "../../shared/api/git-repository.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import type { GitServer, Repository } from "../fakes/git-server.ts";
import { createRealEngine } from "../real/engine.ts";
import { applyFluxDefinitions, startFlux, startRealCluster } from "../real/up.ts";
import { createAuditLog } from "./audit-log.ts";
import { benchNamespace } from "./content.ts";
import { benchName, connectionOf, fluxNamespace } from "./rig.ts";

export interface WaitSide {
  readonly name: string;
  readonly observer: OpenCluster;
  /** What a parent does that has just applied it; Flux's controllers watch for themselves. */
  tell(kustomization: string): Promise<void>;
  /** Of the part that builds and applies, since the last call, when it has come to rest. */
  takeRequests(): Promise<number>;
  close(): Promise<void>;
}

/** As many Kustomizations at once as Flux's own advice for hundreds of them. */
export const workers = 20;

const clusterName = "bench";
const submitter = "bench";

async function submitSource(observer: OpenCluster, server: GitServer, { folder }: Repository): Promise<void> {
  const objects: readonly KubeObject[] = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: benchNamespace } },
    {
      apiVersion: gitRepositoryApiVersion,
      kind: gitRepositoryKind,
      metadata: { name: benchName, namespace: fluxNamespace },
      spec: { interval: "1h", url: `${server.url}/${basename(folder)}`, ref: { branch: "main" } },
    },
  ];
  for (const object of objects) await observer.apply(object, { fieldManager: submitter, force: true });
}

/** @param scratch a file system in memory; a disk would measure itself */
export async function createFluxWaitSide(
  server: GitServer,
  repository: Repository,
  scratch: string,
): Promise<WaitSide> {
  const real = await startRealCluster({ audit: true });
  const observer = createCluster(await connectionOf(real, "admin"));
  const flux = await startFlux(real, { scratch, kustomizeArgs: [`--concurrent=${workers}`] }).catch(
    async (error: unknown) => {
      await real.stop();
      throw error;
    },
  );
  const log = createAuditLog(real.auditLog);
  await submitSource(observer, server, repository);
  const source = {
    apiVersion: gitRepositoryApiVersion,
    kind: gitRepositoryKind,
    namespace: fluxNamespace,
    name: benchName,
  };
  const isFetched = async () => {
    const { artifact } = ((await observer.get(source))?.status ?? {}) as { readonly artifact?: unknown };
    return artifact !== undefined;
  };
  while (!(await isFetched())) await pause(100);
  return {
    name: "flux",
    observer,
    tell: async () => undefined,
    takeRequests: async () => {
      let count = 0;
      for (let quiet = 0; quiet < 2;) {
        await pause(250);
        const found = requestsOf(log.take(), "kustomize-controller");
        count += found;
        quiet = found === 0 ? quiet + 1 : 0;
      }
      return count;
    },
    close: async () => {
      await observer.close();
      await flux.stop();
      await real.stop();
    },
  };
}

/** Its watches for Flux's own kinds are no part of a run. */
const requestsOf = (users: ReadonlyMap<string, readonly string[]>, user: string): number =>
  (users.get(user) ?? []).filter((line) => !line.startsWith("watch ")).length;

export async function createDriftlessWaitSide(server: GitServer, repository: Repository): Promise<WaitSide> {
  const real = await startRealCluster({ audit: true });
  try {
    await applyFluxDefinitions(real.kubeconfigPath);
    const engine = await createRealEngine(await connectionOf(real, "admin"), { engine: "bench", clusterName, workers });
    const keyOf = (group: string, kind: string, name: string) =>
      formatKey({ cluster: clusterName, group, kind, namespace: fluxNamespace, name });
    await submitSource(engine.observer, server, repository);
    // The first sweep finds that no flags of Flux hold here: before it nothing is reconciled.
    await engine.run(sweepKey(clusterName));
    await engine.run(keyOf("source.toolkit.fluxcd.io", "GitRepository", benchName));
    const over = new AbortController();
    const serving = engine.serve(over.signal);
    return {
      name: "driftless",
      observer: engine.observer,
      tell: (name) => engine.wake(keyOf("kustomize.toolkit.fluxcd.io", "Kustomization", name)),
      takeRequests: async () => {
        for (let before = -1; before !== engine.requests.apply;) {
          before = engine.requests.apply;
          await pause(250);
        }
        const { apply } = engine.requests;
        engine.requests.apply = 0;
        return apply;
      },
      close: async () => {
        over.abort();
        await serving;
        await engine.close();
        await real.stop();
      },
    };
  } catch (error) {
    await real.stop();
    throw error;
  }
}
