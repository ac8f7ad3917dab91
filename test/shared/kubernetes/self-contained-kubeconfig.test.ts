import { describe, expect, it } from "vitest";

import { parseSelfContained } from "../../../shared/kubernetes/self-contained-kubeconfig.ts";
import type { Reach } from "../../../shared/network/reach.ts";

const pem = Buffer.from("-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n").toString("base64");
const key = Buffer.from("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n").toString("base64");

interface Parts {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

const kubeconfig = ({ cluster = {}, user = { token: "s3cret" }, config = {} }: Parts = {}): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "one",
    contexts: [{ name: "one", context: { cluster: "east", user: "deployer" } }],
    clusters: [{ name: "east", cluster: { server: "https://api.example.com", ...cluster } }],
    users: [{ name: "deployer", user }],
    ...config,
  });
const parse = (text: string, reach: Reach = "network") => parseSelfContained(text, reach);
const messageOf = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("parseSelfContained", () => {
  it("takes address, authority, names and credentials of the current context", async () => {
    const cluster = {
      server: "https://api.example.com:6443/k8s/clusters/c-1/",
      "certificate-authority-data": pem,
      "tls-server-name": "kubernetes",
    };
    const { token, ...connection } = parse(kubeconfig({ cluster }));
    expect(connection).toEqual({
      server: "https://api.example.com:6443/k8s/clusters/c-1",
      ca: Buffer.from(pem, "base64").toString(),
      tlsServerName: "kubernetes",
    });
    expect(await token?.()).toBe("s3cret");
  });

  it("takes client certificates, and a user name with a password", () => {
    const user = { "client-certificate-data": pem, "client-key-data": key };
    const { clientCertificate, clientKey } = parse(kubeconfig({ user }));
    expect([clientCertificate, clientKey]).toEqual([pem, key].map((text) => Buffer.from(text, "base64").toString()));
    expect(parse(kubeconfig({ user: { username: "ann", password: "pw" } })).basicAuth).toEqual({
      username: "ann",
      password: "pw",
    });
  });

  it("passes over whom the user would impersonate, as Flux does", () => {
    expect(Object.keys(parse(kubeconfig({ user: { token: "s3cret", as: "system:admin" } })))).toEqual([
      "server",
      "token",
    ]);
  });

  it.each<[string, Parts, string]>([
    [
      "exec",
      { user: { exec: { command: "sh", apiVersion: "v1" } } },
      "user 'deployer' has an exec plugin, which is never run: give a token or client-certificate-data instead",
    ],
    [
      "exec beside a token",
      { user: { token: "s3cret", exec: { command: "sh" } } },
      "user 'deployer' has an exec plugin, which is never run: give a token or client-certificate-data instead",
    ],
    [
      "auth-provider",
      { user: { "auth-provider": { name: "oidc" } } },
      "user 'deployer' has an auth-provider, which is not supported: give a token or client-certificate-data instead",
    ],
    [
      "tokenFile",
      { user: { tokenFile: "/var/run/token" } },
      "user 'deployer' references a tokenFile, only an inline token is supported",
    ],
    [
      "client-certificate",
      { user: { "client-certificate": "/a" } },
      "user 'deployer' references a client-certificate file, only client-certificate-data is supported",
    ],
    [
      "client-key",
      { user: { "client-key": "/a" } },
      "user 'deployer' references a client-key file, only client-key-data is supported",
    ],
    [
      "certificate-authority",
      { cluster: { "certificate-authority": "/a" } },
      "cluster 'east' references a certificate-authority file, only certificate-authority-data is supported",
    ],
    [
      "insecure-skip-tls-verify",
      { cluster: { "insecure-skip-tls-verify": true } },
      "cluster 'east' has insecure-skip-tls-verify, which is never heeded: give its certificate-authority-data instead",
    ],
    [
      "proxy-url",
      { cluster: { "proxy-url": "http://proxy" } },
      "cluster 'east' has a proxy-url, which is not supported: remove it",
    ],
    [
      "a server without TLS",
      { cluster: { server: "http://api.example.com" } },
      "cluster 'east' has a server that is no https:// address",
    ],
    [
      "credentials in the address",
      { cluster: { server: "https://ann:pw@api.example.com" } },
      "cluster 'east' has a server with more than an address and a path: leave the rest out",
    ],
    ["no server", { cluster: { server: "" } }, `invalid configuration: no server found for cluster "east"`],
    [
      "a context that is not there",
      { config: { "current-context": "two" } },
      "invalid configuration: [context was not found for specified context: two, cluster has no server defined]",
    ],
    ["a user that is not there", { config: { users: [] } }, "user 'deployer' of the context 'one' does not exist"],
    [
      "a cluster that is not there",
      { config: { clusters: [] } },
      "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable",
    ],
    [
      "no current context",
      { config: { "current-context": "" } },
      "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable",
    ],
    [
      "two ways to sign in",
      { user: { token: "s3cret", username: "ann" } },
      "invalid configuration: more than one authentication method found for deployer; found [token basicAuth], only one is allowed",
    ],
    [
      "a certificate without a key",
      { user: { "client-certificate-data": pem } },
      "invalid configuration: client-key-data or client-key must be specified for deployer to use the clientCert authentication method.",
    ],
    [
      "what is not base64",
      { cluster: { "certificate-authority-data": "?" } },
      "certificate-authority-data of 'east' is not base64",
    ],
    [
      "what is no PEM",
      { cluster: { "certificate-authority-data": "s3cretxx" } },
      "certificate-authority-data of 'east' holds no PEM",
    ],
    ["a token that is no text", { user: { token: 12 } }, "token of 'deployer' is not a text"],
  ])("refuses %s", (_, parts, message) => {
    expect(messageOf(kubeconfig(parts))).toBe(message);
  });

  it("refuses files of entries that are not chosen too, as Flux does", () => {
    const users = [
      { name: "deployer", user: {} },
      { name: "other", user: { tokenFile: "/a" } },
    ];
    expect(messageOf(kubeconfig({ config: { users } }))).toBe(
      "user 'other' references a tokenFile, only an inline token is supported",
    );
  });

  it.each([
    "https://169.254.169.254/latest",
    "https://[fd00:ec2::254]",
    "https://127.0.0.1:9001",
    "https://2130706433",
    "https://0x7f.1",
    "https://[::1]",
    "https://[::ffff:169.254.169.254]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://0.0.0.0",
  ])("never leads to %s", (server) => {
    expect(messageOf(kubeconfig({ cluster: { server } }))).toMatch(/loopback or link-local address/);
  });

  it("leads to loopback where the engine's clusters are on the same machine, and not to link-local ones", () => {
    expect(parse(kubeconfig({ cluster: { server: "https://127.0.0.1:6443" } }), "machine").server).toBe(
      "https://127.0.0.1:6443",
    );
    expect(() => parse(kubeconfig({ cluster: { server: "https://169.254.169.254" } }), "machine")).toThrow(
      /link-local/,
    );
  });

  it.each(["clusters: [", "- a", "just text", "clusters: s3cret", "users: [s3cret]"])(
    "says nothing of the text %j",
    (text) => {
      expect(messageOf(text)).not.toBe("");
      expect(messageOf(text)).not.toContain("s3cret");
    },
  );
});
