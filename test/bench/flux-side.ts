/** Flux's own controllers on a real API server, counted by the audit log. */
import { setTimeout as pause } from "node:timers/promises";

import { createCluster } from "../../shared/kubernetes/create-cluster.ts";
import type { GitServer, Repository } from "../fakes/git-server.ts";
import { startFlux, startRealCluster } from "../real/up.ts";
import { createAuditLog } from "./audit-log.ts";
import { commit, connectionOf, type Side, sourceRef, submitObjects, watchApplied } from "./rig.ts";

/** Ends the log of a run: the log is written in the order in which requests ended. */
const markerUser = "bench-marker";

export async function createFluxSide(
  name: string,
  server: GitServer,
  repository: Repository,
  scratch: string,
): Promise<Side> {
  const real = await startRealCluster({ audit: true });
  const observer = createCluster(await connectionOf(real, "admin"));
  const marker = createCluster(await connectionOf(real, markerUser));
  const flux = await startFlux(real, { scratch }).catch(async (error: unknown) => {
    await real.stop();
    throw error;
  });
  const log = createAuditLog(real.auditLog);
  await submitObjects(observer, server, repository);

  /** What follows a run (events, a last status) belongs to it: the log is read when nothing came for a while. */
  const takeRequests = async (): Promise<{ source: number; apply: number }> => {
    const found = { source: 0, apply: 0 };
    for (let quiet = 0; quiet < 2;) {
      await pause(250);
      await marker.get({ apiVersion: "v1", kind: "Namespace", name: "default" });
      const users = log.take();
      const source = requestsOf(users, "source-controller");
      const apply = requestsOf(users, "kustomize-controller");
      found.source += source;
      found.apply += apply;
      quiet = source + apply === 0 ? quiet + 1 : 0;
    }
    return found;
  };

  const request = async (): Promise<void> => {
    const annotations = { "reconcile.fluxcd.io/requestedAt": new Date().toISOString() };
    await observer.mergePatch(sourceRef, { metadata: { annotations } }, { fieldManager: "flux" });
  };

  return {
    name,
    observer,
    push: async (files) => {
      await takeRequests();
      const applied = await watchApplied(observer);
      const revision = commit(repository, files);
      const from = performance.now();
      await request();
      const at = await applied(revision);
      const { source, apply } = await takeRequests();
      return { seconds: (at - from) / 1000, sourceRequests: source, applyRequests: apply };
    },
    close: async () => {
      await Promise.all([observer.close(), marker.close()]);
      await flux.stop();
      await real.stop();
    },
  };
}

/** A WATCH that a client renews every few minutes is no part of a run. */
function requestsOf(users: ReadonlyMap<string, readonly string[]>, user: string): number {
  return (users.get(user) ?? []).filter((line) => !line.startsWith("watch ")).length;
}
