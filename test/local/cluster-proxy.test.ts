import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { Agent, fetch } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { type ClusterProxy, startClusterProxy } from "../../local/cluster-proxy.ts";
import type { EksIdentity } from "../../local/eks-token.ts";

const policy = (name: string) => ({ name, namespaces: undefined });
const bearers: Readonly<Record<string, Pick<EksIdentity, "groups" | "policies">>> = {
  admin: { groups: [], policies: [policy("AmazonEKSClusterAdminPolicy")] },
  viewer: { groups: [], policies: [policy("AmazonEKSAdminViewPolicy")] },
  locked: { groups: ["driftless:reconcilers"], policies: [] },
};

describe("startClusterProxy", () => {
  let server: Server;
  let proxy: ClusterProxy;
  let directory: string;
  let seen: IncomingHttpHeaders[];

  const start = () =>
    startClusterProxy({
      directory,
      upstream: {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`,
        authenticate: async () => ({ headers: { authorization: "Bearer kubeconfig" } }),
      },
      identify: (token) => {
        const bearer = bearers[token];
        return bearer === undefined ? undefined : { roleArn: "arn:role", username: `user-${token}`, ...bearer };
      },
    });

  beforeEach(async () => {
    seen = [];
    directory = mkdtempSync(path.join(tmpdir(), "driftless-proxy-"));
    server = createServer((request, response) => {
      seen.push(request.headers);
      const review = request.url?.endsWith("/subjectaccessreviews") === true;
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts).toString();
        response.end(
          review
            ? JSON.stringify({ status: { allowed: body.includes('"name":"allowed"') } })
            : JSON.stringify({ path: request.url, body }),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    proxy = await start();
  });
  afterEach(async () => {
    await proxy.close();
    server.close();
    rmSync(directory, { recursive: true });
  });

  const call = (token: string, { method = "GET", impersonate = "" } = {}) =>
    fetch(`${proxy.endpoint}/api/v1/namespaces?limit=1`, {
      dispatcher: new Agent({ connect: { ca: proxy.caPem } }),
      method,
      headers: { authorization: `Bearer ${token}`, ...(impersonate === "" ? {} : { "impersonate-user": impersonate }) },
      ...(method === "GET" ? {} : { body: "{}" }),
    });

  it("passes on that a watch was opened before anything happens", async () => {
    server.removeAllListeners("request");
    server.on("request", (_, response) => {
      response.flushHeaders();
    });
    const answer = await call("admin");
    expect(answer.status).toBe(200);
    await answer.body?.cancel();
  });

  it("refuses a token that it does not know", async () => {
    expect((await call("stranger")).status).toBe(401);
    expect(seen).toEqual([]);
  });

  it("forwards an administrator with the kubeconfig's credentials and the impersonation asked for", async () => {
    const answer = await call("admin", {
      method: "POST",
      impersonate: "system:serviceaccount:flux-system:kustomize-controller",
    });

    expect(await answer.json()).toEqual({ path: "/base/api/v1/namespaces?limit=1", body: "{}" });
    expect(seen[0]).toMatchObject({
      authorization: "Bearer kubeconfig",
      "impersonate-user": "system:serviceaccount:flux-system:kustomize-controller",
    });
  });

  it("lets a viewer read, and write only as what its name may", async () => {
    await call("viewer");
    await call("viewer", { method: "DELETE" });

    expect(seen.map((headers) => headers["impersonate-user"])).toEqual([undefined, "user-viewer"]);
  });

  it("asks the cluster whether a locked-down role may impersonate", async () => {
    const allowed = await call("locked", { impersonate: "system:serviceaccount:apps:allowed" });
    const refused = await call("locked", { impersonate: "system:serviceaccount:apps:other" });
    await call("locked");

    expect([allowed.status, refused.status]).toEqual([200, 403]);
    expect(seen.at(-1)).toMatchObject({
      "impersonate-user": "user-locked",
      "impersonate-group": "driftless:reconcilers",
    });
  });

  it("keeps address and certificate over a restart", async () => {
    const { endpoint, caPem } = proxy;
    await proxy.close();
    proxy = await start();

    expect([proxy.endpoint, proxy.caPem]).toEqual([endpoint, caPem]);
  });
});
