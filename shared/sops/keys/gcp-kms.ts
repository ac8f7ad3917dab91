/** Opens shares that Google Cloud KMS encrypted, by its REST API and a service account's key. */
import { createPrivateKey, sign } from "node:crypto";

import { type KeyHttp, postForFields, textField } from "./http.ts";
import { type KeyOpener, KeyRefused } from "./opener.ts";

export interface GcpCredentials {
  readonly clientEmail: string;
  /** PEM. */
  readonly privateKey: string;
}

const tokenUrl = "https://oauth2.googleapis.com/token";
const scope = "https://www.googleapis.com/auth/cloudkms";
const lifetimeSeconds = 600;
const resourceForm = /^projects\/[\w:.-]+\/locations\/[\w-]+\/keyRings\/[\w-]+\/cryptoKeys\/[\w-]+$/;

export interface GcpOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createGcpKmsOpener(
  http: KeyHttp,
  credentials: GcpCredentials | undefined,
  { now }: GcpOptions,
): KeyOpener<"gcp_kms"> {
  return {
    open: async ({ resourceId, enc }) => {
      if (!credentials) throw new KeyRefused("no Google Cloud credentials are at hand");
      if (!resourceForm.test(resourceId)) throw new KeyRefused("its resource_id is not that of a Cloud KMS key");
      const token = await fetchToken(http, credentials, Math.floor(now() / 1000));
      const what = "Google Cloud KMS";
      const fields = await postForFields(
        http,
        {
          url: `https://cloudkms.googleapis.com/v1/${resourceId}:decrypt`,
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
          body: JSON.stringify({ ciphertext: enc }),
        },
        what,
      );
      return Buffer.from(textField(fields, "plaintext", what), "base64");
    },
  };
}

async function fetchToken(http: KeyHttp, credentials: GcpCredentials, now: number): Promise<string> {
  const assertion = signAssertion(credentials, now);
  const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
  const what = "Google sign-in";
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(form).toString();
  return textField(await postForFields(http, { url: tokenUrl, headers, body }, what), "access_token", what);
}

function signAssertion({ clientEmail, privateKey }: GcpCredentials, now: number): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = { iss: clientEmail, scope, aud: tokenUrl, iat: now, exp: now + lifetimeSeconds };
  const content = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
  try {
    const key = createPrivateKey(privateKey);
    return `${content}.${sign("sha256", Buffer.from(content), key).toString("base64url")}`;
  } catch {
    throw new KeyRefused("the Google Cloud credentials hold no private key that signs");
  }
}
