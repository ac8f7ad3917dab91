/** What a Secret of a GitRepository says about access, by Flux's rules (fluxcd/pkg git, NewAuthOptions). */
import type { GitUrl } from "./url.ts";

/** Values of `Secret.data`, decoded. */
export type SecretData = Readonly<Record<string, Buffer>>;

export interface HttpAccess {
  readonly kind: "http";
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** PEM; trusted in addition to the well-known authorities. */
  readonly ca?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
}

export interface SshAccess {
  readonly kind: "ssh";
  readonly username: string;
  readonly identity: string;
  /** Opens an encrypted identity. */
  readonly passphrase?: string;
  readonly knownHosts: string;
}

export type GitAccess = HttpAccess | SshAccess;

/** @throws Error with Flux's words when the Secret does not fit the URL */
export function gitAccess(url: GitUrl, data: SecretData | undefined): GitAccess {
  return url.scheme === "ssh" ? sshAccess(url, data ?? {}) : httpAccess(url, data ?? {});
}

function sshAccess(url: GitUrl, data: SecretData): SshAccess {
  const identity = text(data.identity);
  const knownHosts = text(data.known_hosts);
  const passphrase = text(data.password);
  if (identity === "") throw new Error("invalid 'ssh' auth option: 'identity' is required");
  if (knownHosts === "") throw new Error("invalid 'ssh' auth option: 'known_hosts' is required");
  return { kind: "ssh", username: url.username ?? "git", identity, knownHosts, ...given("passphrase", passphrase) };
}

function httpAccess(url: GitUrl, data: SecretData): HttpAccess {
  const bearerToken = text(data.bearerToken);
  const basic = data.bearerToken === undefined;
  const username = (basic ? text(data.username) : "") || (url.username ?? "");
  const password = (basic ? text(data.password) : "") || (url.password ?? "");
  if (username === "" && password !== "")
    throw new Error(`invalid '${url.scheme}' auth option: 'password' requires 'username' to be set`);
  if (bearerToken !== "" && username !== "")
    throw new Error("basic auth and bearer token cannot be set at the same time");
  return {
    kind: "http",
    ...given("username", username),
    ...given("password", password),
    ...given("bearerToken", bearerToken),
    ...given("ca", text(data["ca.crt"]) || text(data.caFile)),
    ...given("clientCertificate", text(data["tls.crt"])),
    ...given("clientKey", text(data["tls.key"])),
  };
}

const text = (bytes: Buffer | undefined): string => bytes?.toString("utf8") ?? "";

const given = <Name extends string>(name: Name, value: string): Partial<Record<Name, string>> =>
  (value === "" ? {} : { [name]: value }) as Partial<Record<Name, string>>;
