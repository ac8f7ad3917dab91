/** Others' encrypted files beside the repository, which only developers of Driftless have. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { createAgeOpener } from "../../../shared/sops/keys/age.ts";
import { parseAgeIdentities } from "../../../shared/sops/keys/age-identities.ts";
import type { KeyOpeners } from "../../../shared/sops/keys/opener.ts";
import { createPgpOpener, readPgpKeys } from "../../../shared/sops/keys/pgp.ts";

const root = fileURLToPath(new URL("../../../../shared/vectors/", import.meta.url));

export const vectorPath = (path: string): string => root + path;
export const hasVectors = existsSync(vectorPath("sops"));
if (!hasVectors) console.warn("skipped: the vectors of sops and age are not beside the repository");

export const vector = (path: string): Buffer => readFileSync(vectorPath(path));

const ageFiles = ["generated/keys/age.txt", "generated/keys/age-pq.txt", "generated/keys/age-global.txt"];

/** All published private keys. */
export async function publishedKeys(): Promise<KeyOpeners> {
  const identities = ageFiles.flatMap((path) => parseAgeIdentities(vector(`sops/${path}`).toString(), path));
  const pgp = ["sops/getsops/pgp/sops_functional_tests_key.asc", "sops/kustomize-controller/keys/pgp.asc"];
  const keys = await Promise.all(pgp.map((path) => readPgpKeys(vector(path).toString(), path)));
  return { age: createAgeOpener(identities), pgp: createPgpOpener(keys.flat()) };
}
