import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createCluster, type OpenCluster } from "../../../shared/kubernetes/create-cluster.ts";

let server: Server;
let cluster: OpenCluster;
let requests: { line: string; body: string; type: string | undefined; accept: string | undefined; user: unknown }[];
let answers: Record<string, { code?: number; body: unknown }>;

beforeEach(async () => {
  requests = [];
  answers = {};
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const line = `${request.method} ${request.url}`;
      const { "content-type": type, accept, "impersonate-user": user } = request.headers;
      requests.push({ line, body: Buffer.concat(chunks).toString(), type, accept, user });
      const { code = 200, body } = answers[line] ?? { code: 404, body: { reason: "NotFound", message: "not found" } };
      response.writeHead(code).end(typeof body === "string" ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cluster = createCluster({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});

afterEach(async () => {
  await cluster.close();
  await new Promise((resolve) => server.close(resolve));
});

const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" } };
const ref = { apiVersion: "apps/v1", kind: "Deployment", name: "web", namespace: "shop" };
const path = "/apis/apps/v1/namespaces/shop/deployments/web";
const options = { fieldManager: "kustomize-controller" };

describe("createCluster", () => {
  it("applies with manager, force and dry-run", async () => {
    const line = `PATCH ${path}?fieldManager=kustomize-controller&force=true&dryRun=All`;
    answers[line] = { code: 201, body: object };
    await cluster.apply({ ...object, spec: { big: 9223372036854775807n } }, { ...options, force: true, dryRun: true });
    expect(requests).toMatchObject([{ line, type: "application/apply-patch+yaml" }]);
    expect(requests[0]?.body).toContain('"big":9223372036854775807');
  });

  it("patches a status", async () => {
    const line = `PATCH ${path}/status?fieldManager=gotk`;
    answers[line] = { body: object };
    await cluster.mergePatch(ref, { status: { a: 1 } }, { fieldManager: "gotk", subresource: "status" });
    expect(requests).toMatchObject([{ line, type: "application/merge-patch+json", body: '{"status":{"a":1}}' }]);
  });

  it("patches by operations", async () => {
    const line = `PATCH ${path}?fieldManager=kustomize-controller`;
    answers[line] = { body: object };
    await cluster.jsonPatch(ref, [{ op: "remove", path: "/a" }], options);
    expect(requests).toMatchObject([{ type: "application/json-patch+json", body: '[{"op":"remove","path":"/a"}]' }]);
  });

  it("deletes one incarnation in the background", async () => {
    answers[`DELETE ${path}`] = { body: { kind: "Status" } };
    expect(await cluster.delete(ref, { uid: "u1" })).toBe("deleted");
    expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({
      propagationPolicy: "Background",
      preconditions: { uid: "u1" },
    });
    expect(await cluster.delete({ ...ref, name: "other" })).toBe("absent");
  });

  it("gives undefined for an object that is not there, and throws what else went wrong", async () => {
    answers["GET /apis/apps/v1/namespaces/shop/deployments/secret"] = {
      code: 403,
      body: { reason: "Forbidden", message: "no" },
    };
    expect(await cluster.get(ref)).toBeUndefined();
    await expect(cluster.get({ ...ref, name: "secret" })).rejects.toMatchObject({ reason: "Forbidden" });
  });

  it("lists with selectors and fills in the kind", async () => {
    const line = "GET /apis/apps/v1/namespaces/shop/deployments?labelSelector=a%3Db&fieldSelector=metadata.name%3Dweb";
    answers[line] = { body: { metadata: { resourceVersion: "7" }, items: [{ metadata: { name: "web" } }] } };
    const selectors = { labelSelector: "a=b", fieldSelector: "metadata.name=web" };
    const list = await cluster.list("apps/v1", "Deployment", { namespace: "shop", ...selectors });
    expect(list).toEqual({
      resourceVersion: "7",
      items: [{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } }],
    });
  });

  it("follows a list that comes in pages, unless a limit is given", async () => {
    answers["GET /api/v1/configmaps"] = {
      body: { metadata: { resourceVersion: "7", continue: "x" }, items: [{ metadata: { name: "a" } }] },
    };
    answers["GET /api/v1/configmaps?limit=1"] = answers["GET /api/v1/configmaps"];
    answers["GET /api/v1/configmaps?continue=x"] = {
      body: { metadata: { resourceVersion: "7" }, items: [{ metadata: { name: "b" } }] },
    };
    expect((await cluster.list("v1", "ConfigMap")).items.map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect((await cluster.list("v1", "ConfigMap", { limit: 1 })).items).toHaveLength(1);
  });

  it("asks for metadata alone", async () => {
    answers["GET /api/v1/secrets"] = {
      body: {
        kind: "PartialObjectMetadataList",
        metadata: {},
        items: [{ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: { name: "a" } }],
      },
    };
    const { items } = await cluster.list("v1", "Secret", { metadataOnly: true });
    expect(items).toEqual([{ apiVersion: "v1", kind: "Secret", metadata: { name: "a" } }]);
    expect(requests[0]?.accept).toMatch(/as=PartialObjectMetadataList/);
  });

  it("acts as somebody else", async () => {
    answers[`GET ${path}`] = { body: object };
    await cluster.as("system:serviceaccount:a:b").get(ref);
    await cluster.get(ref);
    expect(requests.map(({ user }) => user)).toEqual(["system:serviceaccount:a:b", undefined]);
  });

  it("throws Gone for an old version, also inside a watch that began well", async () => {
    const error = {
      type: "ERROR",
      object: { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" },
    };
    const added = { type: "ADDED", object: { metadata: { name: "web" } } };
    answers["GET /apis/apps/v1/deployments?watch=true&resourceVersion=1&timeoutSeconds=5"] = {
      body: `${JSON.stringify(added)}\n${JSON.stringify(error)}\n`,
    };
    const events: unknown[] = [];
    const read = async () => {
      for await (const event of cluster.watch("apps/v1", "Deployment", { resourceVersion: "1", timeoutSeconds: 5 }))
        events.push(event);
    };
    await expect(read()).rejects.toMatchObject({ code: 410, reason: "Gone" });
    expect(events).toEqual([
      { type: "ADDED", object: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } } },
    ]);
  });
});
