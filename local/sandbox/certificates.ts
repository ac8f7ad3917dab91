/** The sandbox's self-signed certificate authority: made once, kept beside the state, so that kubeconfigs stay valid. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import selfsigned from "selfsigned";

export interface Identification {
  readonly certPem: string;
  readonly keyPem: string;
  /** Bearer token of the administrator. */
  readonly adminToken: string;
}

/** Without a directory everything is made anew for this process. */
export function loadIdentification(directory: string | undefined): Identification {
  const file = directory && join(directory, "sandbox-identity.json");
  if (file && existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Identification;
  const made = make();
  if (file) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  }
  return made;
}

function make(): Identification {
  const pem = selfsigned.generate([{ name: "commonName", value: "driftless-sandbox" }], {
    days: 3650,
    keySize: 2048,
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true, keyEncipherment: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 7, ip: "127.0.0.1" },
          { type: 2, value: "localhost" },
        ],
      },
    ],
  });
  return { certPem: pem.cert, keyPem: pem.private, adminToken: randomBytes(24).toString("base64url") };
}
