/** Unpacks an artifact in memory: regular files and directories, as Flux's own archives hold, and no more. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

import { RenderError, type RenderLimits } from "./protocol.ts";
import { readTar, type TarEntry } from "./read-tar.ts";
import type { TreePath } from "./tree-path.ts";

/** Blocks and headers that a tar adds to each of its files. */
const TAR_OVERHEAD_BYTES = 2048;

export interface UnpackedArtifact {
  readonly files: ReadonlyMap<TreePath, Buffer>;
  /** Every directory that holds something or stands in the archive; the root is the empty string. */
  readonly directories: ReadonlySet<TreePath>;
}

/**
 * Checks the digest, then reads the files. Links and devices are left out, as they are in Flux's archives.
 *
 * @throws RenderError ArtifactFailed for another digest, a broken archive, a name that leaves the artifact, an excess
 */
export function unpackArtifact(archive: Uint8Array, digest: string, limits: RenderLimits): UnpackedArtifact {
  const found = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
  if (found !== digest) {
    throw refusal(`failed to verify archive: computed digest doesn't match '${found}' != '${digest}'`);
  }
  const tar = gunzip(archive, limits.unpackedBytes + TAR_OVERHEAD_BYTES * limits.entries);
  try {
    return collect(readTar(tar), limits);
  } catch (error) {
    if (error instanceof RenderError) throw error;
    throw refusal(`failed to untar archive: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function collect(entries: Iterable<TarEntry>, limits: RenderLimits): UnpackedArtifact {
  const files = new Map<TreePath, Buffer>();
  const directories = new Set<TreePath>([""]);
  let count = 0;
  let bytes = 0;
  for (const { name, type, content } of entries) {
    count += 1;
    bytes += content.length;
    if (count > limits.entries) throw refusal(`artifact has more than ${limits.entries} entries`);
    if (bytes > limits.unpackedBytes) throw refusal(`artifact unpacks to more than ${limits.unpackedBytes} bytes`);

    const segments = segmentsOf(name, limits.depth);
    const path = segments.join("/");
    if (type === "file" && path !== "") files.set(path, content);
    const depth = type === "file" ? segments.length - 1 : type === "directory" ? segments.length : 0;
    for (let level = depth; level > 0; level -= 1) directories.add(segments.slice(0, level).join("/"));
  }
  for (const path of files.keys()) {
    if (directories.has(path)) throw refusal(`artifact holds ${path} as file and as directory`);
  }
  return { files, directories };
}

function segmentsOf(name: string, depth: number): readonly string[] {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (name.startsWith("/") || name.includes("\0") || segments.includes("..")) {
    throw refusal(`artifact holds the path ${JSON.stringify(name)}, which leaves it`);
  }
  if (segments.length > depth) throw refusal(`artifact holds a path of more than ${depth} directories`);
  return segments;
}

function gunzip(archive: Uint8Array, limit: number): Buffer {
  try {
    return gunzipSync(archive, { maxOutputLength: limit });
  } catch (error) {
    const tooLarge = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    throw refusal(
      tooLarge ? `artifact unpacks to more than ${limit} bytes` : "failed to untar archive: it is not gzip",
    );
  }
}

const refusal = (message: string): RenderError => new RenderError("ArtifactFailed", message);
