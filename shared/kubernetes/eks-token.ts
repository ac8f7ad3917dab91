/**
 * The token by which EKS knows an IAM role: a presigned request to STS GetCallerIdentity that names the cluster in a
 * signed header (aws-iam-authenticator). It is only signed here, never sent by us.
 */
import { Sha256 } from "@aws-crypto/sha256-js";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** EKS takes a token for 15 minutes, whatever its own expiry says. */
const reuseMillis = 13 * 60_000;
const expiresSeconds = 60;
const clusterHeader = "x-k8s-aws-id";

export async function signEksToken(credentials: AwsCredentials, region: string, clusterName: string): Promise<string> {
  const host = `sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  const signer = new SignatureV4({ service: "sts", region, credentials, sha256: Sha256 });
  const signed = await signer.presign(
    new HttpRequest({
      method: "GET",
      protocol: "https:",
      hostname: host,
      path: "/",
      query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
      headers: { host, [clusterHeader]: clusterName },
    }),
    {
      expiresIn: expiresSeconds,
      unhoistableHeaders: new Set([clusterHeader]),
      signableHeaders: new Set(["host", clusterHeader]),
    },
  );
  const params = Object.entries(signed.query ?? {}).map(([name, value]) => [name, String(value)] as [string, string]);
  const url = `https://${host}/?${new URLSearchParams(params).toString().replaceAll("+", "%20")}`;
  return `k8s-aws-v1.${Buffer.from(url).toString("base64url")}`;
}

/** The same token until it is 13 minutes old or its credentials end within a minute. */
export function createEksTokens(
  credentials: () => Promise<AwsCredentials>,
  region: string,
  clusterName: string,
): () => Promise<string> {
  let current: { readonly token: string; readonly until: number } | undefined;
  let signing: Promise<string> | undefined;
  const sign = async () => {
    const given = await credentials();
    const ends = given.expiration ? given.expiration.getTime() - 60_000 : Number.POSITIVE_INFINITY;
    const until = Math.min(Date.now() + reuseMillis, ends);
    current = { token: await signEksToken(given, region, clusterName), until };
    return current.token;
  };
  return async () => {
    if (current && Date.now() < current.until) return current.token;
    signing ??= sign().finally(() => (signing = undefined));
    return signing;
  };
}
