/**
 * Takes the URL of a remote base apart as kustomize 5.8 does: which repository, which directory of it, which ref. Whether
 * a text is such a URL at all decides between a repository and a local path.
 */
import { posix } from "node:path";

import { findGoDuration } from "../runtime/go-duration.ts";

export interface RepositoryUrl {
  /** What `git clone` would get. */
  readonly clone: string;
  readonly scheme: "http" | "https" | "ssh" | "file";
  /** Directory of the kustomization in the repository; empty for its root. */
  readonly path: string;
  /** A branch, a tag, a commit or a full ref; undefined: the repository's HEAD. */
  readonly ref: string | undefined;
  /** For each of kustomize's git commands; ours is for the whole conversation. */
  readonly timeoutMillis: number;
}

const schemes = ["ssh", "https", "http", "file"] as const;
type Scheme = (typeof schemes)[number];

const defaultTimeoutMillis = 27_000;
/** Segments of `org/repo`, where nothing in the URL says where the repository ends. */
const repositorySegments = 2;

/** Undefined for what kustomize takes for a local path. */
export function parseRepositoryUrl(text: string): RepositoryUrl | undefined {
  if (text.startsWith("/")) return undefined;
  const [address = "", query = ""] = splitOnce(text, "?");
  const host = splitHost(address);
  if (!host) return undefined;
  const parts = splitPath(host.rest, host.scheme);
  if (!parts || parts.repository === "" || leavesRepository(parts.path)) return undefined;
  return {
    clone: host.host + parts.repository,
    scheme: host.scheme,
    path: posix.join("/", parts.path).replace(/^\/+|\/+$/g, ""),
    ...parseQuery(query),
  };
}

interface Host {
  readonly scheme: Scheme;
  /** With scheme, user and the separator behind it. */
  readonly host: string;
  readonly rest: string;
}

function splitHost(address: string): Host | undefined {
  const plain = address.replace(/^git::/i, "");
  const scheme = schemes.find((name) => plain.toLowerCase().startsWith(`${name}://`));
  const behindScheme = scheme ? plain.slice(scheme.length + 3) : plain;
  if (scheme === "file") return { scheme, host: "file://", rest: behindScheme };
  const [user = ""] = /^[a-zA-Z][a-zA-Z0-9-]*@/.exec(behindScheme) ?? [];
  const behindUser = behindScheme.slice(user.length);
  const isGithub = /^github\.com[/:]/i.test(behindUser);
  const isScp = scheme === undefined && (user !== "" || isGithub);
  if (scheme === undefined && !isScp) return undefined;
  const end = findSeparator(behindUser, isScp);
  if (end < 0) return undefined;
  const rest = behindUser.slice(end + 1);
  // Kustomize writes every URL of github.com in one of two forms.
  if (isGithub && (scheme === "ssh" || user !== "")) return { scheme: "ssh", host: `${user}github.com:`, rest };
  if (isGithub) return { scheme: "https", host: "https://github.com/", rest };
  const host = `${scheme === undefined ? "" : `${scheme}://`}${user}${behindUser.slice(0, end + 1)}`;
  return { scheme: scheme ?? "ssh", host, rest };
}

/** A colon ends the host of the scp form unless a slash stands before it. */
function findSeparator(text: string, isScp: boolean): number {
  const slash = text.indexOf("/");
  const colon = isScp ? text.indexOf(":") : -1;
  return slash < 0 || (colon > 0 && colon < slash) ? (isScp ? colon : slash) : slash;
}

interface Parts {
  readonly repository: string;
  readonly path: string;
}

/** `_git/`, `//` and `.git` say where the repository ends; else it has two segments. */
function splitPath(rest: string, scheme: Scheme): Parts | undefined {
  const azure = rest.indexOf("_git/");
  if (azure >= 0) {
    const start = azure + "_git/".length;
    const [name = "", path = ""] = splitOnce(rest.slice(start), "/");
    return { repository: rest.slice(0, start) + name, path };
  }
  const double = rest.indexOf("//");
  if (double >= 0) return { repository: rest.slice(0, double), path: rest.slice(double + 2) };
  const suffix = rest.indexOf(".git");
  if (suffix >= 0) return { repository: rest.slice(0, suffix + 4), path: rest.slice(suffix + 4) };
  if (scheme === "file") return { repository: rest, path: "" };
  const segments = rest.split("/");
  if (segments.length < repositorySegments) return undefined;
  const repository = segments.slice(0, repositorySegments).join("/");
  return { repository, path: segments.slice(repositorySegments).join("/") };
}

const leavesRepository = (path: string): boolean => /^\.\.(\/|$)/.test(posix.normalize(path.replace(/^\//, "")));

function parseQuery(query: string): Pick<RepositoryUrl, "ref" | "timeoutMillis"> {
  const values = new URLSearchParams(query);
  const ref = values.get("ref") || values.get("version") || undefined;
  const timeout = values.get("timeout") ?? "";
  const millis = /^\d+$/.test(timeout) ? Number(timeout) * 1000 : findGoDuration(timeout || undefined);
  return { ref, timeoutMillis: millis !== undefined && millis > 0 ? millis : defaultTimeoutMillis };
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
