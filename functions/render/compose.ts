/** One invocation: fetch the artifact, build it, hand the output over. No AWS SDK: URLs are all there is. */
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { type KubectlVersion, readKubectlVersion, requireVersion } from "../../shared/render/kubectl-version.ts";
import type { MountedRemote } from "../../shared/render/mounts.ts";
import { DEFAULT_RENDER_LIMITS, type RenderRequest, type RenderResponse } from "../../shared/render/protocol.ts";
import { render } from "../../shared/render/render.ts";
import type { RenderConfig } from "./config.ts";
import { getArtifact, putOutput } from "./transfer.ts";

/** The layer that this release is built and tested with. */
const WANTED: KubectlVersion = { kubectl: "v1.36.3", kustomize: "v5.8.1" };

export type RenderHandler = (request: RenderRequest) => Promise<RenderResponse>;

/** `wanted` is for tests. */
export function createRenderHandler(config: RenderConfig, wanted: KubectlVersion = WANTED): RenderHandler {
  let version: Promise<KubectlVersion> | undefined;
  return async (request) => {
    version ??= readVersion(config.kubectl, wanted);
    const found = await version.catch((error: unknown) => {
      version = undefined;
      throw error;
    });
    // Before as well: an invocation that was killed has left the files of another tenant behind.
    wipe(config.scratch);
    try {
      return await run(request, config, found);
    } finally {
      wipe(config.scratch);
    }
  };
}

async function readVersion(kubectl: string, wanted: KubectlVersion): Promise<KubectlVersion> {
  const found = await readKubectlVersion(kubectl);
  requireVersion(found, wanted);
  return found;
}

async function run(request: RenderRequest, config: RenderConfig, version: KubectlVersion): Promise<RenderResponse> {
  const limit = request.limits?.archiveBytes ?? DEFAULT_RENDER_LIMITS.archiveBytes;
  const fetched = await getArtifact(request.artifactUrl, limit);
  if (fetched.kind === "refused") return { v: 1, ok: false, reason: "ArtifactFailed", message: fetched.message };

  const remotes: MountedRemote[] = [];
  for (const remote of request.remotes ?? []) {
    const archive = await getArtifact(remote.archiveUrl, limit);
    if (archive.kind === "refused") return { v: 1, ok: false, reason: "ArtifactFailed", message: archive.message };
    remotes.push({ ...remote, archive: archive.bytes });
  }
  const result = await render({ ...request, archive: fetched.bytes, remotes }, { ...config, version });
  const kustomizeVersion = version.kustomize;
  switch (result.kind) {
    case "needs":
      return { v: 1, ok: false, reason: "BuildFailed", message: "remote bases are missing", needs: result.needs };
    case "failed":
      return { v: 1, ok: false, reason: result.reason, message: result.message, ...closureOf(result) };
    case "unchanged":
      return { v: 1, ok: true, unchanged: true, closure: result.closure, kustomizeVersion };
    case "built": {
      const zipped = gzipSync(result.yaml);
      await putOutput(request.handoffUrl, zipped);
      const digests = { size: zipped.length, sha256: sha256Of(zipped), yamlDigest: sha256Of(result.yaml) };
      const { closure, warnings } = result;
      return { v: 1, ok: true, unchanged: false, ...digests, closure, kustomizeVersion, warnings };
    }
  }
}

const closureOf = <T>({ closure }: { readonly closure?: T }): { readonly closure?: T } => (closure ? { closure } : {});

const wipe = (directory: string): void => rmSync(directory, { recursive: true, force: true });

const sha256Of = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
