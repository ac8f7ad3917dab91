import { createHmac } from "node:crypto";

import { describe, expect, it } from "vitest";

import { bodyLimitBytes, verifyWebhook } from "../../../shared/webhook/verify.ts";

const secret = "0123456789abcdef";
const sign = (body: string | Uint8Array, by = secret): string =>
  `sha256=${createHmac("sha256", by).update(body).digest("hex")}`;
const headersOf = (signature: string | undefined, more: Readonly<Record<string, string>> = {}) => ({
  "x-github-event": "push",
  "x-github-delivery": "guid-1",
  "content-type": "application/json",
  ...(signature === undefined ? {} : { "x-hub-signature-256": signature }),
  ...more,
});
const verify = (body: string, signature: string | undefined, secrets = [secret], more = {}) =>
  verifyWebhook({ headers: headersOf(signature, more), body: Buffer.from(body) }, secrets);
const json = JSON.stringify({ ref: "refs/heads/main", text: "grüße 🌍" });

describe("a webhook", () => {
  it("is believed with a signature of its exact bytes", async () => {
    expect(await verify(json, sign(json))).toEqual({
      kind: "event",
      event: "push",
      delivery: "guid-1",
      payload: { ref: "refs/heads/main", text: "grüße 🌍" },
    });
  });

  it("matches the example of GitHub's documentation up to its body, which is no JSON", async () => {
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const verified = await verify("Hello, World!", signature, ["It's a Secret to Everybody"]);
    expect(verified).toMatchObject({ kind: "refused", answer: { status: 400 } });
  });

  it("is believed with any of the secrets while one is rotated", async () => {
    expect(await verify(json, sign(json, "old-secret-000000"), [secret, "old-secret-000000"])).toMatchObject({
      kind: "event",
    });
  });

  it("is read from a form as well", async () => {
    const form = new URLSearchParams({ payload: json }).toString();
    const type = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    expect(await verify(form, sign(form), [secret], type)).toMatchObject({ payload: { ref: "refs/heads/main" } });
  });

  it.each<[string, string, string | undefined, readonly string[], number]>([
    ["no signature", json, undefined, [secret], 401],
    ["an empty signature", json, "", [secret], 401],
    ["a signature of another secret", json, sign(json, "another-secret"), [secret], 401],
    ["a signature of another body", json, sign(`${json} `), [secret], 401],
    ["a signature by the empty secret", json, sign(json, "x"), ["", secret], 401],
    ["a signature that is cut short", json, sign(json).slice(0, -2), [secret], 401],
    ["a SHA-1 signature", json, "sha1=0123456789012345678901234567890123456789", [secret], 401],
    ["no secret to compare with", json, sign(json), [], 401],
    ["an empty body", "", sign(""), [secret], 401],
    ["a body that is no JSON", "{", sign("{"), [secret], 400],
    ["a body that is a list", "[]", sign("[]"), [secret], 400],
    ["a body that is null", "null", sign("null"), [secret], 400],
  ])("is refused with %s", async (_, body, signature, secrets, status) => {
    expect(await verify(body, signature, [...secrets])).toMatchObject({ kind: "refused", answer: { status } });
  });

  it("is refused for its size before anything else, one byte above the limit", async () => {
    const answerTo = async (bytes: number) =>
      await verifyWebhook({ headers: headersOf(undefined), body: Buffer.alloc(bytes, 32) }, [secret]);
    expect(await answerTo(bodyLimitBytes + 1)).toMatchObject({ answer: { status: 413 } });
    expect(await answerTo(bodyLimitBytes)).toMatchObject({ answer: { status: 401 } });
  });

  it("is refused before anything else when its bytes are no UTF-8, although their signature fits what they are read as", async () => {
    const bytes = Buffer.from([0x22, 0xff, 0x22]);
    for (const signed of [bytes, bytes.toString("utf8")]) {
      const verified = await verifyWebhook({ headers: headersOf(sign(signed)), body: bytes }, [secret]);
      expect(verified).toEqual({ kind: "refused", answer: { status: 400, message: "the body is not UTF-8" } });
    }
  });

  it("is not believed with another reading of its bytes", async () => {
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(json)]);
    const request = { headers: headersOf(sign(json)), body: marked };
    expect(await verifyWebhook(request, [secret])).toMatchObject({ answer: { status: 401 } });
  });

  it("is nameless where its headers are", async () => {
    const request = { headers: { "x-hub-signature-256": sign(json) }, body: Buffer.from(json) };
    expect(await verifyWebhook(request, [secret])).toMatchObject({ event: "", delivery: "" });
  });
});
