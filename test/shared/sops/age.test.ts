import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync, inflateSync } from "node:zlib";

import { armor, Decrypter } from "age-encryption";
import { describe, expect, it } from "vitest";

import { parseAgeIdentities } from "../../../shared/sops/keys/age-identities.ts";
import { decryptAge } from "../../../shared/sops/keys/age.ts";
import { vectorPath } from "./vectors.ts";

const folder = vectorPath("age");
const names = existsSync(folder) ? readdirSync(folder) : [];

interface Vector {
  readonly expect: string;
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly passphrases: readonly string[];
  readonly file: Buffer;
}

function readVector(name: string): Vector {
  const bytes = readFileSync(`${folder}/${name}`);
  const end = bytes.indexOf("\n\n");
  const fields = bytes
    .toString("utf8", 0, end)
    .split("\n")
    .map((line) => line.split(": ") as [string, string]);
  const all = (field: string) => fields.filter(([key]) => key === field).map(([, value]) => value);
  const body = bytes.subarray(end + 2);
  return {
    expect: all("expect")[0]!,
    payload: all("payload")[0],
    identities: all("identity"),
    passphrases: all("passphrase"),
    file: all("compressed")[0] === "zlib" ? inflateSync(body) : all("compressed")[0] ? gunzipSync(body) : body,
  };
}

async function open({ identities, passphrases, file }: Vector): Promise<Uint8Array> {
  if (identities.length > 0 && passphrases.length === 0) {
    const own = parseAgeIdentities(identities.join("\n"), "vector").map(({ identity }) => identity!);
    return decryptAge(file, own);
  }
  // Passphrases protect no data keys: the library is asked without us.
  const decrypter = new Decrypter();
  for (const passphrase of passphrases) decrypter.addPassphrase(passphrase);
  return decrypter.decrypt(
    file.toString("latin1", 0, 100).includes("-----BEGIN") ? armor.decode(file.toString()) : file,
  );
}

describe.skipIf(names.length === 0)("decryptAge", () => {
  it.each(names)("agrees with the vector %s", async (name) => {
    const vector = readVector(name);

    const result = await open(vector).catch((error: unknown) => error as Error);

    if (vector.expect !== "success") {
      expect(result).toBeInstanceOf(Error);
      return;
    }
    expect(result).toBeInstanceOf(Uint8Array);
    expect(
      createHash("sha256")
        .update(result as Uint8Array)
        .digest("hex"),
    ).toBe(vector.payload);
  });
});
