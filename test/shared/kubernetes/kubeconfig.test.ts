import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { connectKubeconfig } from "../../../shared/kubernetes/kubeconfig.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const kubeconfig = (user: object, cluster: object = {}) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "one", cluster: { server: "https://127.0.0.1:6443/", ...cluster } },
      { name: "two", cluster: { server: "https://127.0.0.1:7443" } },
    ],
    users: [{ name: "me", user }],
    contexts: ["one", "two"].map((name) => ({ name, context: { cluster: name, user: "me" } })),
    "current-context": "one",
  });

describe("connectKubeconfig", () => {
  it("reads certificates beside the file", async () => {
    for (const name of ["ca", "crt", "key"]) writeFileSync(join(folder, name), `PEM of ${name}`);
    const path = join(folder, "config");
    writeFileSync(
      path,
      kubeconfig({ "client-certificate": "crt", "client-key": "key" }, { "certificate-authority": "ca" }),
    );
    expect(await connectKubeconfig({ path })).toEqual({
      server: "https://127.0.0.1:6443",
      ca: "PEM of ca",
      clientCertificate: "PEM of crt",
      clientKey: "PEM of key",
    });
  });

  it("takes a token, and another context", async () => {
    const connection = await connectKubeconfig({ text: kubeconfig({ token: "secret" }), context: "two" });
    expect(connection.server).toBe("https://127.0.0.1:7443");
    expect(await connection.token?.()).toBe("secret");
  });

  it("runs a plugin for the token", async () => {
    const credential = {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "from-plugin" },
    };
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "echo",
      args: [JSON.stringify(credential)],
      interactiveMode: "Never",
    };
    const connection = await connectKubeconfig({ text: kubeconfig({ exec }) });
    expect(await connection.token?.()).toBe("from-plugin");
  });

  it("does not verify where the file says so", async () => {
    const text = kubeconfig({ token: "secret" }, { "insecure-skip-tls-verify": true });
    expect(await connectKubeconfig({ text })).toMatchObject({ insecure: true });
  });

  it("names a context that is missing", async () => {
    await expect(connectKubeconfig({ text: kubeconfig({ token: "secret" }), context: "three" })).rejects.toMatchObject({
      reason: "NoContext",
      message: expect.stringContaining("'three'") as string,
    });
  });
});
