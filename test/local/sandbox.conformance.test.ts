/** The conformance suite against the sandbox cluster. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { createSandbox, type Sandbox } from "../../local/sandbox/create-sandbox.ts";
import { describeConformance } from "../conformance/conformance.ts";
import { createTarget, type Target } from "../conformance/target.ts";
import { fluxDefinitionFolders } from "../real/up.ts";

describe("sandbox cluster", () => {
  let sandbox: Sandbox;
  let directory: string;
  let target: Target & { close(): void };
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "driftless-sandbox-"));
    sandbox = createSandbox();
    const { url, caPem, adminToken, adminKubeconfig } = await sandbox.start();
    const kubeconfigPath = join(directory, "kubeconfig");
    writeFileSync(kubeconfigPath, adminKubeconfig, { mode: 0o600 });
    target = createTarget({
      name: "sandbox",
      url,
      ca: caPem,
      token: adminToken,
      kubeconfigPath,
      fluxDefinitions: await fluxDefinitionFolders(),
    });
  });
  afterAll(async () => {
    target.close();
    await sandbox.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  describeConformance(() => target);
});
