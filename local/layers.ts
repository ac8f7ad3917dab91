/** Unpacks the template's Lambda layers, and gives each function the directory that stands for its `/opt`. */
import {
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";

import { type Entry, open } from "yauzl";

import { texts, record, text } from "./json.ts";
import type { Deployment, Resource } from "./template.ts";

/** Resolves with the directory for `/opt` of one function; undefined when it has no layers. */
export async function prepareOpt(
  deployment: Deployment,
  lambda: Resource,
  stateDirectory: string,
): Promise<string | undefined> {
  const arns = texts(lambda.properties.Layers, `layers of ${lambda.logicalId}`);
  if (arns.length === 0) return undefined;
  const opt = path.join(stateDirectory, "opt", lambda.name);
  rmSync(opt, { recursive: true, force: true });
  mkdirSync(opt, { recursive: true });
  for (const arn of arns) {
    const content = await layerDirectory(deployment, arn, stateDirectory);
    for (const entry of readdirSync(content)) {
      const target = path.join(opt, entry);
      if (existsSync(target)) throw new Error(`two layers of ${lambda.logicalId} hold ${entry}`);
      symlinkSync(path.join(content, entry), target);
    }
  }
  return opt;
}

async function layerDirectory(deployment: Deployment, arn: string, stateDirectory: string): Promise<string> {
  const layer = deployment.ofType("AWS::Lambda::LayerVersion").find((candidate) => candidate.arn === arn);
  if (layer === undefined) throw new Error(`layer ${arn} is not in the template`);
  const key = text(
    record(layer.properties.Content, `content of ${layer.logicalId}`).S3Key,
    `key of ${layer.logicalId}`,
  );
  const asset = deployment.assets.get(key);
  if (asset === undefined) throw new Error(`the content ${key} of layer ${layer.logicalId} is not among the assets`);
  if (lstatSync(asset.path).isDirectory()) return asset.path;
  const directory = path.join(stateDirectory, "layers", key.replace(/\W/g, "-"));
  if (!existsSync(directory)) {
    // Renamed when complete, so that a start that was interrupted does not leave half a layer.
    const draft = `${directory}.draft`;
    rmSync(draft, { recursive: true, force: true });
    await unzip(asset.path, draft);
    renameSync(draft, directory);
  }
  return directory;
}

/** Entries that would leave the directory are refused by yauzl itself. */
function unzip(file: string, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    open(file, { lazyEntries: true }, (error, zip) => {
      if (error !== null) {
        reject(error);
        return;
      }
      const extract = async (entry: Entry): Promise<void> => {
        const target = path.join(directory, entry.fileName);
        if (entry.fileName.endsWith("/")) {
          mkdirSync(target, { recursive: true });
          return;
        }
        mkdirSync(path.dirname(target), { recursive: true });
        const mode = (entry.externalFileAttributes >>> 16) & 0o777;
        const source = await new Promise<NodeJS.ReadableStream>((opened, failed) => {
          zip.openReadStream(entry, (failure, stream) => (failure === null ? opened(stream) : failed(failure)));
        });
        await pipeline(source, createWriteStream(target, { mode: mode === 0 ? 0o644 : mode }));
      };
      zip.on("entry", (entry: Entry) => {
        extract(entry).then(() => zip.readEntry(), reject);
      });
      zip.on("end", resolve).on("error", reject);
      zip.readEntry();
    });
  });
}
