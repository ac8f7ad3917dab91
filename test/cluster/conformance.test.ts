/** The conformance suite against a real API server. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { describeConformance } from "../conformance/conformance.ts";
import { createTarget, type Target } from "../conformance/target.ts";
import { fluxDefinitionFolders, missingForCluster, startRealCluster, type RealCluster } from "../real/up.ts";

const missing = missingForCluster();

describe.skipIf(missing)(`real API server${missing ? `: ${missing}` : ""}`, () => {
  let cluster: RealCluster;
  let target: Target & { close(): void };
  beforeAll(async () => {
    cluster = await startRealCluster();
    const certificate = await cluster.certificateOf("admin");
    target = createTarget({
      name: "real",
      url: cluster.url,
      ca: cluster.ca,
      certificate,
      kubeconfigPath: cluster.kubeconfigPath,
      fluxDefinitions: await fluxDefinitionFolders(),
    });
  });
  afterAll(async () => {
    target.close();
    await cluster.stop();
  });
  describeConformance(() => target);
});

it("says why the real API server is left out", ({ skip }) => skip(missing === undefined, "it is not"));
