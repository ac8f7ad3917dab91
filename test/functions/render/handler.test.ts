import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createRenderHandler } from "../../../functions/render/compose.ts";
import { readConfig } from "../../../functions/render/config.ts";
import type { Build } from "../../../shared/kustomize/ports.ts";
import { parseRenderRequest, type RenderRequest } from "../../../shared/render/protocol.ts";
import { createRemoteRenderer } from "../../../shared/render/remote-renderer.ts";
import type { BlobStore } from "../../../shared/runtime/blob-store.ts";
import { artifactOf, renderTools, sha256Of, temporaryDirectory } from "../../shared/render/tools.ts";

const directory = temporaryDirectory();
const scratch = join(directory, "scratch");
const { kubectl, version } = await renderTools(scratch);
const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n";

/** A bucket that anyone on loopback may read and write: presigned URLs without the signature. */
const objects = new Map<string, Buffer>();
let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const key = (request.url ?? "").slice(1);
    const found = objects.get(key);
    if (request.method === "GET") {
      response.writeHead(found ? 200 : 404).end(found);
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (key !== "full") objects.set(key, Buffer.concat(chunks));
      response.writeHead(key === "full" ? 507 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

async function requestFor(files: Record<string, string>, changes: Partial<RenderRequest> = {}): Promise<RenderRequest> {
  const { archive, artifactDigest } = await artifactOf(files);
  objects.set("artifact", archive);
  const urls = { artifactUrl: `${base}/artifact`, handoffUrl: `${base}/handoff/1` };
  return { v: 1, artifactDigest, path: "./apps", ...urls, ...changes };
}

describe("the render function", () => {
  const handle = createRenderHandler({ kubectl, scratch });

  it("hands over the gzip of the YAML and says what it is", async () => {
    const response = await handle(await requestFor({ "apps/a.yaml": configMap }, { targetNamespace: "team" }));

    const handed = objects.get("handoff/1")!;
    const yaml = gunzipSync(handed);
    expect(yaml.toString()).toBe(`${configMap}  namespace: team\n`);
    expect(response).toMatchObject({
      v: 1,
      ok: true,
      unchanged: false,
      size: handed.length,
      sha256: sha256Of(handed),
      yamlDigest: sha256Of(yaml),
      kustomizeVersion: "v5.8.1",
      closure: { files: 2 },
    });
  });

  it.each<[string, Record<string, string>, Partial<RenderRequest>, string, RegExp]>([
    ["a refusal of the guard", { "apps/kustomization.yaml": "resources: [/etc]" }, {}, "BuildFailed", /absolute path/],
    ["a refusal of kustomize", { "apps/a.yaml": "a: [" }, {}, "BuildFailed", /failed to decode Kubernetes YAML/],
    ["a missing path", {}, {}, "ArtifactFailed", /kustomization path not found/],
    ["another digest", {}, { artifactDigest: "sha256:1" }, "ArtifactFailed", /failed to verify archive/],
    [
      "a large artifact",
      { "apps/a.yaml": configMap },
      { limits: { archiveBytes: 8 } },
      "ArtifactFailed",
      /larger than 8 bytes/,
    ],
  ])("answers %s", async (_, files, changes, reason, message) => {
    const response = await handle(await requestFor(files, changes));

    expect(response).toMatchObject({ v: 1, ok: false, reason, message: expect.stringMatching(message) as string });
  });

  it("answers that the artifact is gone", async () => {
    const response = await handle(await requestFor({}, { artifactUrl: `${base}/none` }));

    expect(response).toMatchObject({ ok: false, message: "Source is not ready, artifact not found, retrying in 30s" });
  });

  it("fails the invocation without the URL when the output is not taken", async () => {
    const request = await requestFor({ "apps/a.yaml": configMap }, { handoffUrl: `${base}/full` });

    await expect(handle(request)).rejects.toThrow("handing over the output failed: HTTP status 507");
  });

  it("wipes what a killed invocation has left, and its own", async () => {
    mkdirSync(join(scratch, "render-old"), { recursive: true });
    writeFileSync(join(scratch, "render-old", "secret"), "");

    await handle(await requestFor({ "apps/a.yaml": configMap }));

    expect(existsSync(scratch)).toBe(false);
  });

  it("refuses to start with another kustomize", async () => {
    const other = createRenderHandler({ kubectl, scratch }, { ...version, kustomize: "v5.0.0" });

    await expect(other(await requestFor({}))).rejects.toThrow(
      "kubectl is v1.36.3 with kustomize v5.8.1, want v1.36.3 with v5.0.0",
    );
  });

  it("imports no AWS SDK", () => {
    for (const file of ["handler", "compose", "config", "transfer"]) {
      expect(readFileSync(`functions/render/${file}.ts`, "utf8")).not.toMatch(/@aws-sdk|@smithy|shared\/aws/);
    }
  });
});

describe("readConfig", () => {
  it("names the variable that is missing", () => {
    expect(() => readConfig({})).toThrow("DRIFTLESS_KUBECTL is not set");
    expect(readConfig({ DRIFTLESS_KUBECTL: "/opt/kubectl/kubectl" })).toEqual({
      kubectl: "/opt/kubectl/kubectl",
      scratch: "/tmp/driftless",
    });
  });
});

describe("parseRenderRequest", () => {
  it.each([null, "x", { v: 2 }, { v: 1, artifactUrl: "x" }])("refuses %j", (payload) => {
    expect(() => parseRenderRequest(payload)).toThrow(TypeError);
  });
});

describe("createRemoteRenderer", () => {
  const handle = createRenderHandler({ kubectl, scratch });
  const refuse = () => Promise.reject(new Error("unexpected call"));
  const blobs: BlobStore = {
    get: async (key) => objects.get(key),
    put: refuse,
    exists: refuse,
    list: refuse,
    delete: async (key) => void objects.delete(key),
    presignGet: async (key) => `${base}/${key}`,
    presignPut: async (key) => `${base}/${key}`,
  };
  const request = async (files: Record<string, string>) => {
    const { archive, artifactDigest: digest } = await artifactOf(files);
    objects.set("artifacts/1.tar.gz", archive);
    return {
      artifact: { sourceKey: "s", revision: "main@sha1:1", digest, blobKey: "artifacts/1.tar.gz" },
      path: "apps",
      overlay: {},
    };
  };
  const handoffs = () => [...objects.keys()].filter((key) => key.startsWith("handoff/") && key !== "handoff/1");

  it("gives back the YAML and leaves no handoff behind", async () => {
    const renderer = createRemoteRenderer({ invoke: handle }, blobs);
    const input = await request({ "apps/a.yaml": configMap });

    const built = (await renderer.build(input)) as Extract<Build, { kind: "built" }>;

    expect(built).toMatchObject({ kind: "built", yaml: configMap, digest: sha256Of(Buffer.from(configMap)) });
    expect(handoffs()).toEqual([]);
    expect(await renderer.build({ ...input, knownClosure: built.closure })).toEqual({
      kind: "unchanged",
      closure: built.closure,
    });
  });

  it("turns a refusal into an error that is tried again", async () => {
    const renderer = createRemoteRenderer({ invoke: handle }, blobs);

    await expect(renderer.build(await request({ "x.yaml": "" }))).rejects.toMatchObject({
      disposition: "retry",
      reason: "ArtifactFailed",
      message: "kustomization path not found: stat apps: no such file or directory",
    });
  });

  it("believes no output that is not what was announced", async () => {
    const forged = createRemoteRenderer(
      {
        invoke: async (payload) => {
          const response = await handle(payload);
          objects.set(payload.handoffUrl.slice(base.length + 1), Buffer.from("forged"));
          return response;
        },
      },
      blobs,
    );

    await expect(forged.build(await request({ "apps/a.yaml": configMap }))).rejects.toThrow(
      "not what the render function announced",
    );
    expect(handoffs()).toEqual([]);
  });
});
