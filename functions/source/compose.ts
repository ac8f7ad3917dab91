/** Puts the source worker together: the cluster's source role, Git over HTTP and SSH, and the bucket. */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { createClusterAccess } from "../../shared/aws/cluster-access.ts";
import { createBucket } from "../../shared/aws/bucket.ts";
import { createEngine, type Invocation } from "../../shared/aws/engine.ts";
import { findObject, readFleetFile } from "../../shared/aws/fleet-file.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import type { WorkMessage } from "../../shared/lease/message.ts";
import { withLease } from "../../shared/lease/with-lease.ts";
import { type Environment, requireVariable, runsOnThisMachine } from "../../shared/runtime/environment.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { recordDeaths, recordStuck } from "../../shared/source/deaths.ts";
import { openTransportWithin } from "../../shared/source/git/open-transport.ts";
import { forgetSource } from "../../shared/source/rows.ts";
import { type SourceWorkerPorts, workOnSource } from "../../shared/source/worker.ts";

export function compose(environment: Environment): {
  readonly log: Log;
  readonly fetchOne: (message: WorkMessage, invocation: Invocation) => Promise<unknown>;
} {
  const engine = createEngine(environment);
  const { clock, table, log, metrics, trigger, report } = engine;
  const { blobs, bucket } = createBucket(environment);
  const fleet = readFleetFile(requireVariable(environment, "DRIFTLESS_FLEET_FILE"));
  const access = createClusterAccess(fleet, environment);
  const secrets = createSecrets(new SecretsManagerClient({}), clock);
  const digestSecret = requireVariable(environment, "DRIFTLESS_DIGEST_SECRET");

  const ports: SourceWorkerPorts = {
    table,
    blobs,
    bucket,
    clock,
    log,
    openGit: openTransportWithin(runsOnThisMachine(environment) ? "machine" : "network"),
    trigger,
    hmacKey: async () => Buffer.from(await secrets.get(digestSecret), "utf8"),
    openCluster: (name) => access.open(name, "source"),
    unreachable: metrics.unreachable,
  };

  const fetchOne = async (message: WorkMessage, invocation: Invocation) => {
    const self = findObject(fleet, message.key);
    if (!self) {
      // Webhooks would else find it for ever.
      await forgetSource(table, message.key);
      return engine.leave(message.key);
    }
    return withLease(engine, message, {
      ...invocation,
      report,
      onDeaths: (held, deaths) => recordDeaths(self, held, deaths, ports),
      onStuck: (held) => recordStuck(self, held, ports),
      work: (held) => workOnSource(self, held, ports),
    });
  };
  return { log, fetchOne };
}
