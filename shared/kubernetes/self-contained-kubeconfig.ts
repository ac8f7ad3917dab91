/**
 * A kubeconfig that comes with somebody's repository: only what it holds itself counts. Nothing is executed, no file is
 * read, and what would do so, or would trust an unknown server, is refused by name. What files of one's own machine may
 * do is kubeconfig.ts.
 */
import { parse } from "yaml";

import { OutOfReachError, type Reach, requireWithin } from "../network/reach.ts";
import type { Connection } from "./transport.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Says what is wrong with a kubeconfig, never a value of it but names. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** @throws KubeconfigError in client-go's and Flux's words where they refuse it too */
export function parseSelfContained(text: string, reach: Reach): Connection {
  const config = parseFields(text);
  const clusters = namedEntries(config, "clusters", "cluster");
  const users = namedEntries(config, "users", "user");
  requireNoFiles(clusters, users);
  const { cluster, user } = chosen(config, clusters, users);
  return { ...addressOf(cluster, reach), ...credentialsOf(user) };
}

interface Entry {
  readonly name: string;
  readonly fields: Fields;
}

/** The parser's own words quote the text. */
function parseFields(text: string): Fields {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw new KubeconfigError("it is not YAML");
  }
  if (value === null || value === undefined) return {};
  if (!isFields(value)) throw new KubeconfigError("it is not a kubeconfig");
  return value;
}

function namedEntries(config: Fields, list: string, member: string): ReadonlyMap<string, Entry> {
  const entries = config[list] ?? [];
  if (!Array.isArray(entries)) throw new KubeconfigError(`${list} is not a list`);
  return new Map(
    entries.map((entry: unknown, index) => {
      const name = isFields(entry) ? entry.name : undefined;
      if (!isFields(entry) || typeof name !== "string") throw new KubeconfigError(`${list}[${index}] has no name`);
      const fields = entry[member] ?? {};
      if (!isFields(fields)) throw new KubeconfigError(`${member} '${name}' is not a ${member}`);
      return [name, { name, fields }];
    }),
  );
}

const fileOfUser = [
  ["tokenFile", "references a tokenFile, only an inline token is supported"],
  ["client-certificate", "references a client-certificate file, only client-certificate-data is supported"],
  ["client-key", "references a client-key file, only client-key-data is supported"],
] as const;

/** Also in entries that are not chosen, as Flux does. */
function requireNoFiles(clusters: ReadonlyMap<string, Entry>, users: ReadonlyMap<string, Entry>): void {
  for (const { name, fields } of clusters.values())
    if (isSet(fields["certificate-authority"]))
      throw new KubeconfigError(
        `cluster '${name}' references a certificate-authority file, only certificate-authority-data is supported`,
      );
  for (const { name, fields } of users.values())
    for (const [field, words] of fileOfUser)
      if (isSet(fields[field])) throw new KubeconfigError(`user '${name}' ${words}`);
}

const emptyConfig =
  "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable";

function chosen(
  config: Fields,
  clusters: ReadonlyMap<string, Entry>,
  users: ReadonlyMap<string, Entry>,
): { readonly cluster: Entry; readonly user: Entry } {
  const name = text({ name: "kubeconfig", fields: config }, "current-context") ?? "";
  const context = namedEntries(config, "contexts", "context").get(name);
  const clusterName = context ? (text(context, "cluster") ?? "") : "";
  const userName = context ? (text(context, "user") ?? "") : "";
  const user = users.get(userName);
  // Flux would ask as nobody.
  if (!user && userName !== "") throw new KubeconfigError(`user '${userName}' of the context '${name}' does not exist`);
  if (name !== "" && !context)
    throw new KubeconfigError(
      `invalid configuration: [context was not found for specified context: ${name}, cluster has no server defined]`,
    );
  const cluster = clusters.get(clusterName);
  if (!cluster) throw new KubeconfigError(emptyConfig);
  return { cluster, user: user ?? { name: userName, fields: {} } };
}

function requireReachable(subject: string, host: string, reach: Reach): void {
  try {
    requireWithin(host, reach);
  } catch (error) {
    if (!(error instanceof OutOfReachError)) throw error;
    throw new KubeconfigError(
      `${subject} has a server at a loopback or link-local address, which is never connected to`,
    );
  }
}

function addressOf(cluster: Entry, reach: Reach): Connection {
  const subject = `cluster '${cluster.name}'`;
  const server = text(cluster, "server");
  if (!server) throw new KubeconfigError(`invalid configuration: no server found for cluster "${cluster.name}"`);
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== "https:") throw new KubeconfigError(`${subject} has a server that is no https:// address`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new KubeconfigError(`${subject} has a server with more than an address and a path: leave the rest out`);
  requireReachable(subject, url.hostname, reach);
  if (cluster.fields["insecure-skip-tls-verify"] === true)
    throw new KubeconfigError(
      `${subject} has insecure-skip-tls-verify, which is never heeded: give its certificate-authority-data instead`,
    );
  if (isSet(cluster.fields["proxy-url"]))
    throw new KubeconfigError(`${subject} has a proxy-url, which is not supported: remove it`);
  const tlsServerName = text(cluster, "tls-server-name");
  return {
    server: `${url.origin}${url.pathname}`.replace(/\/+$/, ""),
    ...pem("ca", cluster, "certificate-authority-data"),
    ...(tlsServerName ? { tlsServerName } : {}),
  };
}

function credentialsOf(user: Entry): Omit<Connection, "server"> {
  for (const [field, what] of [
    ["exec", "an exec plugin, which is never run"],
    ["auth-provider", "an auth-provider, which is not supported"],
  ] as const)
    if (isSet(user.fields[field]))
      throw new KubeconfigError(`user '${user.name}' has ${what}: give a token or client-certificate-data instead`);
  const token = text(user, "token");
  const [username = "", password = ""] = [text(user, "username"), text(user, "password")];
  if (token && (username || password))
    throw new KubeconfigError(
      `invalid configuration: more than one authentication method found for ${user.name}; found [token basicAuth], only one is allowed`,
    );
  const certificate = pem("clientCertificate", user, "client-certificate-data");
  const key = pem("clientKey", user, "client-key-data");
  if (certificate.clientCertificate !== undefined && key.clientKey === undefined)
    throw new KubeconfigError(
      `invalid configuration: client-key-data or client-key must be specified for ${user.name} to use the clientCert authentication method.`,
    );
  return {
    ...certificate,
    ...key,
    ...(token ? { token: () => Promise.resolve(token) } : {}),
    ...(username || password ? { basicAuth: { username, password } } : {}),
  };
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== "";

function text({ name, fields }: Entry, field: string): string | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new KubeconfigError(`${field} of '${name}' is not a text`);
  return value;
}

function pem<Name extends string>(as: Name, entry: Entry, field: string): Partial<Record<Name, string>> {
  const encoded = text(entry, field)?.replaceAll(/\s/g, "");
  if (!encoded) return {};
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
    throw new KubeconfigError(`${field} of '${entry.name}' is not base64`);
  const decoded = Buffer.from(encoded, "base64").toString("latin1");
  if (!decoded.includes("-----BEGIN ")) throw new KubeconfigError(`${field} of '${entry.name}' holds no PEM`);
  return { [as]: decoded } as Partial<Record<Name, string>>;
}
