/** Preconditions of the reconcile of a GitRepository: each says by its error whether to retry or to stall. */
import type { GitRepository, GitRepositorySpec } from "../api/git-repository.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { redactUrls } from "../runtime/redact-urls.ts";
import { type GitAccess, gitAccess, type SecretData } from "./git/credentials.ts";
import { type GitUrl, parseGitUrl } from "./git/url.ts";

/** Fields that ask for what this engine does not do: a part of them done would not be what Flux does. */
const unsupported: readonly (readonly [field: string, asked: (spec: GitRepositorySpec) => boolean])[] = [
  ["spec.verify", ({ verify }) => verify !== undefined],
  ["spec.include", ({ include = [] }) => include.length > 0],
  ["spec.recurseSubmodules", ({ recurseSubmodules }) => recurseSubmodules === true],
  ["spec.sparseCheckout", ({ sparseCheckout = [] }) => sparseCheckout.length > 0],
  ["spec.proxySecretRef", ({ proxySecretRef }) => proxySecretRef !== undefined],
  ["spec.provider", ({ provider = "generic" }) => provider !== "generic"],
  ["spec.serviceAccountName", ({ serviceAccountName }) => serviceAccountName !== undefined],
];

/** @throws ReconcileError stall, FeatureNotSupported */
export function requireSupported({ spec }: GitRepository): void {
  const fields = unsupported.filter(([, asked]) => asked(spec)).map(([field]) => field);
  if (fields.length > 0)
    throw new ReconcileError("stall", "FeatureNotSupported", `not supported yet: ${fields.join(", ")}`);
}

/** @throws ReconcileError stall, URLInvalid */
export function requireUrl({ spec }: GitRepository): GitUrl {
  const url = /^(https?|ssh):\/\//i.test(spec.url) ? parseGitUrl(spec.url) : undefined;
  if (!url)
    throw new ReconcileError(
      "stall",
      "URLInvalid",
      `failed to parse url '${redactUrls(spec.url)}': must begin with http://, https:// or ssh:// and name a host`,
    );
  return url;
}

/**
 * What opens the repository: the Secret's keys, or what the URL itself holds.
 * @throws ReconcileError retry; KubeError when the API server cannot be asked for the Secret, which says nothing of it
 */
export async function requireAccess(
  { spec, metadata }: GitRepository,
  url: GitUrl,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<GitAccess> {
  const { namespace } = metadata;
  const data = spec.secretRef ? await readSecret(cluster, namespace, spec.secretRef.name, signal) : undefined;
  if (data?.githubAppID ?? data?.githubAppClientID)
    throw new ReconcileError(
      "retry",
      "InvalidProviderConfiguration",
      `secretRef '${namespace}/${spec.secretRef?.name ?? ""}' has github app data but provider is not set to github`,
    );
  try {
    return gitAccess(url, data);
  } catch (error) {
    const words = error instanceof Error ? error.message : "unreadable";
    throw authenticationFailed(`failed to configure authentication options: ${words}`, error);
  }
}

async function readSecret(cluster: Cluster, namespace: string, name: string, signal: AbortSignal): Promise<SecretData> {
  // Flux wraps its own words once more here.
  const failed = `failed to get secret '${namespace}/${name}'`;
  try {
    const secret = await cluster.get({ apiVersion: "v1", kind: "Secret", namespace, name }, signal);
    if (!secret) throw new KubeError(404, "NotFound", `secrets "${name}" not found`);
    const entries = Object.entries((secret.data ?? {}) as Readonly<Record<string, string>>);
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64")]));
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    throw authenticationFailed(`${failed}: ${failed}: ${error.message}`, error);
  }
}

const authenticationFailed = (message: string, cause: unknown): ReconcileError =>
  new ReconcileError("retry", "AuthenticationFailed", message, { cause });
