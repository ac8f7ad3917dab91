/** Driftless on a real API server. Queue, table and bucket are in memory: what AWS adds to a run is not in these figures. */
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import type { GitServer, Repository } from "../fakes/git-server.ts";
import { createRealEngine } from "../real/engine.ts";
import { applyFluxDefinitions, startRealCluster } from "../real/up.ts";
import { benchName, commit, connectionOf, fluxNamespace, type Side, submitObjects, watchApplied } from "./rig.ts";

const clusterName = "bench";
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
    const engine = await createRealEngine(await connectionOf(real, "admin"), { engine: "bench", clusterName });
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
