/** Puts the reconcile worker together: the cluster's apply role, the render function, and the bucket. */
import { LambdaClient } from "@aws-sdk/client-lambda";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { createClusterAccess } from "../../shared/aws/cluster-access.ts";
import { createBucket } from "../../shared/aws/bucket.ts";
import { createEngine, type Invocation } from "../../shared/aws/engine.ts";
import { findObject, readFleetFile } from "../../shared/aws/fleet-file.ts";
import { createLambdaInvoker, FunctionError } from "../../shared/aws/functions.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { driftModeOf } from "../../shared/drift/mode.ts";
import { createSpokes } from "../../shared/kubernetes/spokes.ts";
import { recordDeaths, recordStuck } from "../../shared/kustomize/deaths.ts";
import { workOnKustomization, type WorkerPorts } from "../../shared/kustomize/worker.ts";
import type { WorkMessage } from "../../shared/lease/message.ts";
import { withLease } from "../../shared/lease/with-lease.ts";
import { remoteBasesOverNetwork } from "../../shared/remote/over-network.ts";
import { createCachedRenderer } from "../../shared/render/cached-renderer.ts";
import type { RenderResponse } from "../../shared/render/protocol.ts";
import { createRemoteRenderer, type RenderInvoker } from "../../shared/render/remote-renderer.ts";
import { type Environment, requireVariable, runsOnThisMachine } from "../../shared/runtime/environment.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { ReconcileError } from "../../shared/runtime/reconcile-error.ts";
import { createStoredSources } from "../../shared/source/stored-sources.ts";

/** Longer than the render function may take, so that the SDK never asks a second time for the same build. */
const invokeTimeoutMillis = 150_000;

export function compose(environment: Environment): {
  readonly log: Log;
  readonly reconcileOne: (message: WorkMessage, invocation: Invocation) => Promise<unknown>;
} {
  const engine = createEngine(environment);
  const { clock, table, log, metrics, trigger, report } = engine;
  const { blobs } = createBucket(environment);
  const fleet = readFleetFile(requireVariable(environment, "DRIFTLESS_FLEET_FILE"));
  const access = createClusterAccess(fleet, environment);
  const secrets = createSecrets(new SecretsManagerClient({}), clock);
  const digestSecret = requireVariable(environment, "DRIFTLESS_DIGEST_SECRET");
  const lambda = new LambdaClient({ maxAttempts: 1, requestHandler: { requestTimeout: invokeTimeoutMillis } });
  const ports: WorkerPorts = {
    table,
    blobs,
    clock,
    log,
    trigger,
    renderer: createCachedRenderer({
      builder: createRemoteRenderer(createRenderInvoker(lambda, environment), blobs),
      blobs,
      remoteBases: remoteBasesOverNetwork(blobs, runsOnThisMachine(environment) ? "machine" : "internet"),
      trigger,
    }),
    sources: (cluster) => createStoredSources(cluster, table),
    openCluster: (name) => access.open(name, "apply"),
    spokes: createSpokes({
      clusters: fleet.clusters,
      openMember: (name) => access.open(name, "apply"),
      reach: runsOnThisMachine(environment) ? "machine" : "network",
    }),
    compatibility: (name) => fleet.clusters.find((cluster) => cluster.name === name)?.compatibility,
    outcome: metrics.outcome,
    applied: metrics.applied,
    driftMode: (name) => driftModeOf(fleet.clusters.find((cluster) => cluster.name === name) ?? {}),
    digestKey: async () => Buffer.from(await secrets.get(digestSecret), "utf8"),
    drifted: metrics.drifted,
    unreachable: metrics.unreachable,
  };

  const reconcileOne = async (message: WorkMessage, invocation: Invocation) => {
    const self = findObject(fleet, message.key);
    if (!self) return engine.leave(message.key);
    return withLease(engine, message, {
      ...invocation,
      report,
      work: (held) => workOnKustomization(self, held, ports),
      onDeaths: (held, deaths) => recordDeaths(self, held, deaths, ports),
      onStuck: (held) => recordStuck(self, held, ports),
    });
  };
  return { log, reconcileOne };
}

/** A build that took the function down is a failed build, to be read in the object's condition. */
function createRenderInvoker(lambda: LambdaClient, environment: Environment): RenderInvoker {
  const functions = createLambdaInvoker(lambda);
  const functionName = requireVariable(environment, "DRIFTLESS_RENDER_FUNCTION");
  return {
    async invoke(request) {
      try {
        return (await functions.invoke(functionName, request)) as RenderResponse;
      } catch (error) {
        if (!(error instanceof FunctionError)) throw error;
        throw new ReconcileError("retry", "BuildFailed", `kustomize build died: ${error.message}`, { cause: error });
      }
    },
  };
}
