/** Unpacks the template's Lambda layers, and gives each function the directory that stands for its `/opt`. */
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";

import { type LocateOptions, locateKubectl, unpackLayer } from "../shared/render/locate-kubectl.ts";
import { texts, record, text } from "./json.ts";
import type { Deployment, Resource } from "./template.ts";

/** What the functions run on; default: this machine and its PATH. */
export type Machine = Pick<LocateOptions, "platform" | "arch" | "path">;

/**
 * Resolves with the directory for `/opt` of one function; undefined when it has no layers.
 * @throws Error where the layer's kubectl does not run and PATH has none: it says what to install.
 */
export async function prepareOpt(
  deployment: Deployment,
  lambda: Resource,
  stateDirectory: string,
  machine: Machine = {},
): Promise<string | undefined> {
  const arns = texts(lambda.properties.Layers, `layers of ${lambda.logicalId}`);
  if (arns.length === 0) return undefined;
  const opt = path.join(stateDirectory, "opt", lambda.name);
  const cache = path.join(stateDirectory, "layers");
  rmSync(opt, { recursive: true, force: true });
  mkdirSync(opt, { recursive: true });
  for (const arn of arns) {
    const asset = layerAsset(deployment, arn);
    const content = lstatSync(asset).isDirectory() ? asset : await unpackLayer(asset, cache);
    for (const entry of readdirSync(content)) {
      const target = path.join(opt, entry);
      if (existsSync(target)) throw new Error(`two layers of ${lambda.logicalId} hold ${entry}`);
      if (!runsLayers(machine) && existsSync(path.join(content, entry, "kubectl")))
        await linkOwnKubectl(target, { ...machine, layerZip: asset, cache });
      else symlinkSync(path.join(content, entry), target);
    }
  }
  return opt;
}

/** The binaries in layers are built for Lambda's x86-64 Linux. */
const runsLayers = ({ platform = process.platform, arch = process.arch }: Machine): boolean =>
  platform === "linux" && arch === "x64";

/** In place of the layer's directory, one with this machine's kubectl under the same name. */
async function linkOwnKubectl(directory: string, options: LocateOptions): Promise<void> {
  const { file } = await locateKubectl(options);
  mkdirSync(directory);
  symlinkSync(file, path.join(directory, "kubectl"));
}

/** The zip or directory with the layer's content. */
function layerAsset(deployment: Deployment, arn: string): string {
  const layer = deployment.ofType("AWS::Lambda::LayerVersion").find((candidate) => candidate.arn === arn);
  if (layer === undefined) throw new Error(`layer ${arn} is not in the template`);
  const key = text(
    record(layer.properties.Content, `content of ${layer.logicalId}`).S3Key,
    `key of ${layer.logicalId}`,
  );
  const asset = deployment.assets.get(key);
  if (asset === undefined) throw new Error(`the content ${key} of layer ${layer.logicalId} is not among the assets`);
  return asset.path;
}
