/** The artifact that a Kustomization's source last stored, as a directory of this machine for as long as it is needed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { stringAt } from "../../shared/health/fields.ts";
import { DEFAULT_RENDER_LIMITS } from "../../shared/render/protocol.ts";
import { unpackArtifact } from "../../shared/render/unpack.ts";
import { CommandError } from "../ports.ts";

/** @throws CommandError when the source has stored nothing, RenderError when the archive is not what its digest says */
export async function withArtifact<T>(
  source: KubeObject,
  fetchArtifact: (url: string) => Promise<Uint8Array>,
  work: (artifact: { readonly directory: string; readonly revision: string }) => Promise<T>,
): Promise<T> {
  const at = (field: string) => stringAt(source, ["status", "artifact", field], "");
  const { name, namespace = "" } = source.metadata;
  if (at("url") === "") throw new CommandError(`${source.kind}/${namespace}/${name} has not stored an artifact yet`);
  const { files } = unpackArtifact(await fetchArtifact(at("url")), at("digest"), DEFAULT_RENDER_LIMITS);
  const directory = mkdtempSync(join(tmpdir(), "driftless-artifact-"));
  try {
    for (const [path, content] of files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), content);
    }
    return await work({ directory, revision: at("revision") });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
