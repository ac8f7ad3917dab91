/**
 * The name under which a fetched artifact is shared between clusters. It is made of the credential's content, so that
 * whoever does not hold the credential does not find the artifact, and of all else that decides what is in it.
 */
import { createHmac } from "node:crypto";

import type { GitRepositorySpec } from "../api/git-repository.ts";
import type { GitAccess } from "./git/credentials.ts";

const version = 1;

/** 64 hexadecimal digits. */
export function sharedFetchKey(hmacKey: Uint8Array, spec: GitRepositorySpec, access: GitAccess): string {
  const { branch, tag, semver, name, commit } = spec.ref ?? {};
  const content = [
    version,
    spec.url,
    [branch, tag, semver, name, commit],
    spec.provider ?? "generic",
    Object.entries(access).sort(([a], [b]) => (a < b ? -1 : 1)),
    spec.ignore ?? null,
  ];
  return createHmac("sha256", hmacKey).update(JSON.stringify(content)).digest("hex");
}
