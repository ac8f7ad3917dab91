/** What the engine relies on of S3. */
import { randomUUID } from "node:crypto";

import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, it } from "vitest";

import { type ContractTarget, clientConfig } from "./target.ts";

export function s3Contract(target: () => ContractTarget): void {
  describe("S3", () => {
    // Without WHEN_REQUIRED a presigned PUT carries the checksum of an empty body.
    const client = () => new S3Client({ ...clientConfig(target()), requestChecksumCalculation: "WHEN_REQUIRED" });
    const prefix = `contract/${randomUUID()}`;
    const put = (Key: string, Body: string, options: object = {}) =>
      client().send(new PutObjectCommand({ Bucket: target().bucket, Key, Body, ...options }));
    const get = async (Key: string) => {
      const { Body, ...head } = await client().send(new GetObjectCommand({ Bucket: target().bucket, Key }));
      return { ...head, text: await Body?.transformToString() };
    };

    it("gives back content, type and metadata, also for odd keys", async () => {
      const key = `${prefix}/a b+ü(1)/x.txt`;
      await put(key, "content", { ContentType: "text/plain", Metadata: { revision: "main@sha1:1" } });

      expect(await get(key)).toMatchObject({
        text: "content",
        ContentType: "text/plain",
        Metadata: { revision: "main@sha1:1" },
      });
    });

    it("takes the SDK's default checksums", async () => {
      const plain = new S3Client(clientConfig(target()));
      await plain.send(new PutObjectCommand({ Bucket: target().bucket, Key: `${prefix}/crc`, Body: "checked" }));

      const answer = await plain.send(new GetObjectCommand({ Bucket: target().bucket, Key: `${prefix}/crc` }));

      expect(await answer.Body?.transformToString()).toBe("checked");
    });

    it("refuses to overwrite when the writer says If-None-Match: *", async () => {
      await put(`${prefix}/once`, "first", { IfNoneMatch: "*" });

      await expect(put(`${prefix}/once`, "second", { IfNoneMatch: "*" })).rejects.toMatchObject({
        name: "PreconditionFailed",
      });
      expect((await get(`${prefix}/once`)).text).toBe("first");
    });

    it("lists a prefix page by page", async () => {
      for (const name of ["1", "2", "3"]) await put(`${prefix}/list/${name}`, name);
      const page = { Bucket: target().bucket, Prefix: `${prefix}/list/`, MaxKeys: 2 };

      const first = await client().send(new ListObjectsV2Command(page));
      const second = await client().send(
        new ListObjectsV2Command({ ...page, ContinuationToken: first.NextContinuationToken }),
      );

      const keys = [...(first.Contents ?? []), ...(second.Contents ?? [])].map(({ Key }) => Key?.split("/").at(-1));
      expect(keys).toEqual(["1", "2", "3"]);
      expect([first.IsTruncated, second.IsTruncated]).toEqual([true, false]);
    });

    it("says NotFound and NoSuchKey of a deleted key to those who may list", async () => {
      await put(`${prefix}/gone`, "x");
      await client().send(new DeleteObjectCommand({ Bucket: target().bucket, Key: `${prefix}/gone` }));

      await expect(get(`${prefix}/gone`)).rejects.toMatchObject({ name: "NoSuchKey" });
      const head = client().send(new HeadObjectCommand({ Bucket: target().bucket, Key: `${prefix}/gone` }));
      await expect(head).rejects.toMatchObject({ name: "NotFound" });
    });

    it("lets a presigned URL do one thing to one key until it expires", async () => {
      const Bucket = target().bucket;
      const upload = await getSignedUrl(client(), new PutObjectCommand({ Bucket, Key: `${prefix}/signed` }), {
        expiresIn: 60,
      });
      expect((await fetch(upload, { method: "PUT", body: "handed over" })).status).toBe(200);
      const download = await getSignedUrl(client(), new GetObjectCommand({ Bucket, Key: `${prefix}/signed` }), {
        expiresIn: 60,
      });

      expect(await (await fetch(download)).text()).toBe("handed over");
      expect((await fetch(download.replace("/signed?", "/other?"))).status).toBe(403);
      expect((await fetch(download, { method: "PUT", body: "overwritten" })).status).toBe(403);
      expect((await fetch(download.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))).status).toBe(403);
    });

    it("refuses a presigned URL that has expired", async () => {
      const command = new GetObjectCommand({ Bucket: target().bucket, Key: `${prefix}/signed` });
      const url = await getSignedUrl(client(), command, { expiresIn: 60, signingDate: new Date(Date.now() - 61_000) });

      const answer = await fetch(url);

      expect(answer.status).toBe(403);
      expect(await answer.text()).toContain("Request has expired");
    });
  });
}
