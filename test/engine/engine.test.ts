/** The engine end to end on the sandbox cluster; the same cases run on a real API server in test/cluster. */
import { afterAll, beforeAll } from "vitest";

import { createSandbox, type Sandbox } from "../../local/sandbox/create-sandbox.ts";
import { describeDeploy } from "./cases/deploy.ts";
import { describeDrift } from "./cases/drift.ts";
import { describeRefusals } from "./cases/refuse.ts";
import { createLiveWorld, type LiveWorld } from "./live-world.ts";

let sandbox: Sandbox;
let world: LiveWorld;

beforeAll(async () => {
  sandbox = createSandbox();
  const { url, caPem, adminToken } = await sandbox.start();
  world = await createLiveWorld({ server: url, ca: caPem, token: async () => adminToken });
}, 60_000);

afterAll(async () => {
  await world.close();
  await sandbox.stop();
});

describeDeploy(() => world);
describeDrift(() => world);
describeRefusals(() => world);
