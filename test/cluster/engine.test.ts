/** The engine end to end on a real API server. */
import { afterAll, beforeAll, describe } from "vitest";

import { describeDeploy } from "../engine/cases/deploy.ts";
import { describeDrift } from "../engine/cases/drift.ts";
import { describeRefusals } from "../engine/cases/refuse.ts";
import { createLiveWorld, type LiveWorld } from "../engine/live-world.ts";
import { missingForCluster, type RealCluster, startRealCluster } from "../real/up.ts";

const missing = missingForCluster();
if (missing) console.warn(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)("on a real API server", () => {
  let real: RealCluster;
  let world: LiveWorld;

  beforeAll(async () => {
    real = await startRealCluster();
    const { cert, key } = await real.certificateOf("admin");
    world = await createLiveWorld({ server: real.url, ca: real.ca, clientCertificate: cert, clientKey: key });
  }, 120_000);

  afterAll(async () => {
    await world.close();
    await real.stop();
  });

  describeDeploy(() => world);
  describeDrift(() => world);
  describeRefusals(() => world);
});
