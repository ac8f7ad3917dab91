/** A Git repository and files on loopback, and the engine's renderer that fetches from them. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { execFile } from "node:child_process";

import { remoteBasesOverNetwork } from "../../../shared/remote/over-network.ts";
import { createCachedRenderer } from "../../../shared/render/cached-renderer.ts";
import { createLocalRenderer } from "../../../shared/render/local-renderer.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";
import { createGitRoot, type GitServerOptions, startGitServer } from "../../fakes/git-server.ts";
import { artifactOf, type Files, renderTools } from "../render/tools.ts";
import type { Reach } from "../../../shared/network/reach.ts";

export interface ServedFile {
  body: string;
  etag?: string;
}

export async function createRemoteWorld(scratch: string, reach: Reach = "machine") {
  const root = createGitRoot();
  const repository = root.create("bases");
  const files = new Map<string, ServedFile>();
  const answers: string[] = [];
  const intercept: GitServerOptions["intercept"] = (request, response) => {
    const path = request.url ?? "";
    const moved = /^\/moved\/(.*)$/.exec(path)?.[1];
    if (moved !== undefined) {
      response.writeHead(302, { location: `http://localhost:${server.port}/${moved}` }).end();
      return true;
    }
    const file = files.get(path.replace(/\?.*$/, ""));
    if (!file) return false;
    const isKnown = file.etag !== undefined && request.headers["if-none-match"] === file.etag;
    answers.push(`${isKnown ? 304 : 200} ${path}`);
    response.writeHead(isKnown ? 304 : 200, file.etag === undefined ? {} : { etag: file.etag });
    response.end(isKnown ? "" : file.body);
    return true;
  };
  const server = await startGitServer(root.folder, { intercept });
  const tools = await renderTools(scratch);
  const blobs = createMemoryBlobs();
  const remoteBases = remoteBasesOverNetwork(blobs, reach);
  const renderer = createCachedRenderer({
    builder: createLocalRenderer(tools, blobs),
    blobs,
    remoteBases,
    trigger: async () => undefined,
  });
  return {
    server,
    repository,
    files,
    /** Of the file server, with status. */
    answers,
    blobs,
    remoteBases,
    async build(tree: Files, knownClosure?: string) {
      const { archive, artifactDigest: digest } = await artifactOf(tree);
      const blobKey = `artifacts/${digest}`;
      await blobs.put(blobKey, archive, "application/gzip");
      const artifact = { revision: "main@sha1:1", digest, blobKey, sourceKey: "s" };
      return renderer.build({ artifact, path: "apps", overlay: {}, knownClosure });
    },
    /** What kustomize itself makes of the same files, with network and git. */
    async kustomize(tree: Files) {
      const at = join(scratch, `tree-${Math.random().toString(36).slice(2)}`);
      for (const [name, content] of Object.entries(tree)) {
        mkdirSync(dirname(join(at, name)), { recursive: true });
        writeFileSync(join(at, name), content);
      }
      const args = ["kustomize", "apps", "--load-restrictor", "LoadRestrictionsNone"];
      const env = { PATH: process.env.PATH, HOME: scratch, GIT_CONFIG_NOSYSTEM: "1" };
      return (await promisify(execFile)(tools.kubectl, args, { cwd: at, env })).stdout;
    },
    async close() {
      await server.close();
      root.remove();
    },
  };
}

export const hasGit = (() => {
  try {
    execFileSync("git", ["--version"]);
    return true;
  } catch {
    return false;
  }
})();
