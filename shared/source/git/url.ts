/** URLs of Git repositories: taken apart for a transport, and compared with what webhooks name. */

export interface GitUrl {
  readonly scheme: "http" | "https" | "ssh";
  /** Lower-case, without brackets or port. */
  readonly host: string;
  /** Undefined where the scheme's default applies. */
  readonly port?: number;
  /** Begins with a slash; percent-escapes decoded for ssh only. */
  readonly path: string;
  readonly username?: string;
  readonly password?: string;
}

const defaultPorts = { http: 80, https: 443, ssh: 22 } as const;

/** Hosts that serve SSH on port 443 for others. */
const sshAliases: Readonly<Record<string, string>> = {
  "ssh.github.com": "github.com",
  "altssh.gitlab.com": "gitlab.com",
  "altssh.bitbucket.org": "bitbucket.org",
};

const scpLike = /^(?:([^@/\s]+)@)?([^:/\s[\]]+):(?!\/\/)(.+)$/;

/** Undefined for anything but http, https, ssh and the scp form `user@host:path`. */
export function parseGitUrl(text: string): GitUrl | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const [, user, host, path] = scpLike.exec(text) ?? [];
    if (!host || !path) return undefined;
    const absolute = path.startsWith("/") ? path : `/${path}`;
    return { scheme: "ssh", host: host.toLowerCase(), path: absolute, ...(user ? { username: user } : {}) };
  }
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  if ((scheme !== "http" && scheme !== "https" && scheme !== "ssh") || url.hostname === "") return undefined;
  const port = url.port === "" ? undefined : Number(url.port);
  const username = decode(url.username);
  const password = decode(url.password);
  return {
    scheme,
    host: url.hostname.toLowerCase().replace(/^\[(.*)\]$/, "$1"),
    ...(port !== undefined && port !== defaultPorts[scheme] ? { port } : {}),
    path: (scheme === "ssh" ? decode(url.pathname) : url.pathname) || "/",
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
  };
}

/**
 * `host/path` under which a webhook and a source's URL meet: lower-case, without user, `.git`, default port or
 * trailing slash. SSH's port is dropped, for the same repository has another one over HTTPS. Undefined when the URL names
 * no repository.
 */
export function repositoryMatchKey(text: string): string | undefined {
  const url = parseGitUrl(text.trim());
  if (!url) return undefined;
  const host = url.scheme === "ssh" ? (sshAliases[url.host] ?? url.host) : url.host;
  const port = url.scheme === "ssh" || url.port === undefined ? "" : `:${url.port}`;
  const path = url.path
    .toLowerCase()
    .replace(/\/{2,}/g, "/")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "")
    .replace(/^\/~?/, "");
  return path === "" ? undefined : `${host}${port}/${path}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
