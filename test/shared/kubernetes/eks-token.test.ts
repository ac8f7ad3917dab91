import { createHash, createHmac } from "node:crypto";

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { type AwsCredentials, createEksTokens, signEksToken } from "../../../shared/kubernetes/eks-token.ts";

const credentials: AwsCredentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "secret/key",
  sessionToken: "a+session/token==",
};

beforeEach(() => vi.useFakeTimers({ now: Date.parse("2026-01-01T10:00:00Z"), toFake: ["Date"] }));
afterEach(() => vi.useRealTimers());

const urlOf = (token: string) => new URL(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString());

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The signature as STS computes it, over the request as aws-iam-authenticator sends it. */
function signatureOf(url: URL, cluster: string): string {
  const query = [...url.searchParams]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const empty = createHash("sha256").update("").digest("hex");
  const canonical = `GET\n/\n${query}\nhost:${url.host}\nx-k8s-aws-id:${cluster}\n\nhost;x-k8s-aws-id\n${empty}`;
  const date = url.searchParams.get("X-Amz-Date") ?? "";
  const [, day = "", region = ""] = (url.searchParams.get("X-Amz-Credential") ?? "").split("/");
  const text = `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/sts/aws4_request\n${createHash("sha256").update(canonical).digest("hex")}`;
  const key = [day, region, "sts", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  return hmac(key, text).toString("hex");
}

describe("signEksToken", () => {
  it("presigns a GetCallerIdentity of the region's STS that only the named cluster may use", async () => {
    const token = await signEksToken(credentials, "eu-central-1", "prod");
    const url = urlOf(token);
    expect(token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
    expect(token.length).toBeLessThan(4096);
    expect(`${url.origin}${url.pathname}`).toBe("https://sts.eu-central-1.amazonaws.com/");
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: "GetCallerIdentity",
      Version: "2011-06-15",
      "X-Amz-Expires": "60",
      "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
      "X-Amz-Security-Token": credentials.sessionToken,
    });
    expect(url.searchParams.get("X-Amz-Signature")).toBe(signatureOf(url, "prod"));
    expect(url.searchParams.get("X-Amz-Signature")).not.toBe(signatureOf(url, "test"));
  });

  it("asks China's STS in China", async () => {
    expect(urlOf(await signEksToken(credentials, "cn-north-1", "prod")).host).toBe("sts.cn-north-1.amazonaws.com.cn");
  });
});

describe("createEksTokens", () => {
  const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);

  it("uses a token for 13 minutes", async () => {
    const tokens = createEksTokens(async () => credentials, "eu-central-1", "prod");
    const first = await tokens();
    later(12.9);
    expect(await tokens()).toBe(first);
    later(0.2);
    expect(await tokens()).not.toBe(first);
  });

  it("stops a minute before its credentials end", async () => {
    const expiration = new Date(Date.now() + 5 * 60_000);
    const tokens = createEksTokens(async () => ({ ...credentials, expiration }), "eu-central-1", "prod");
    const first = await tokens();
    later(3.9);
    expect(await tokens()).toBe(first);
    later(0.2);
    expect(await tokens()).not.toBe(first);
  });

  it("signs once for all who ask at the same time", async () => {
    const provider = vi.fn(async () => credentials);
    const tokens = createEksTokens(provider, "eu-central-1", "prod");
    await Promise.all([tokens(), tokens(), tokens()]);
    expect(provider).toHaveBeenCalledTimes(1);
  });

  it("asks again after credentials could not be had", async () => {
    const provider = vi.fn(async () => credentials).mockRejectedValueOnce(new Error("throttled"));
    const tokens = createEksTokens(provider, "eu-central-1", "prod");
    await expect(tokens()).rejects.toThrow("throttled");
    expect(await tokens()).toMatch(/^k8s-aws-v1\./);
  });
});
