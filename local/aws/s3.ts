/**
 * S3 objects as files: one file per object, a line of metadata and then the body, renamed into place so that a kill
 * never leaves half an object. The HTTP face is `s3-api.ts`.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface ObjectHead {
  readonly key: string;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: number;
  /** Content headers, user metadata, encryption: given back as they came. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ObjectStore {
  readonly buckets: readonly string[];
  put(bucket: string, key: string, body: Buffer, headers: Readonly<Record<string, string>>): ObjectHead;
  head(bucket: string, key: string): ObjectHead | undefined;
  get(bucket: string, key: string): { readonly head: ObjectHead; readonly body: Buffer } | undefined;
  delete(bucket: string, key: string): void;
  /** In the order of UTF-8 bytes, as S3 lists. */
  list(bucket: string, prefix: string): readonly ObjectHead[];
}

export function createObjectStore(directory: string, buckets: readonly string[], now: () => number): ObjectStore {
  const indexes = new Map(buckets.map((bucket) => [bucket, readIndex(path.join(directory, bucket))]));
  const fileOf = (bucket: string, key: string): string => {
    const hash = createHash("sha256").update(key).digest("hex");
    return path.join(directory, bucket, hash.slice(0, 2), hash);
  };
  return {
    buckets,
    put(bucket, key, body, headers) {
      const etag = createHash("md5").update(body).digest("hex");
      const head: ObjectHead = { key, size: body.length, etag, lastModified: now(), headers };
      const file = fileOf(bucket, key);
      mkdirSync(path.dirname(file), { recursive: true });
      const draft = `${file}.${randomUUID()}`;
      writeFileSync(draft, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]));
      renameSync(draft, file);
      indexes.get(bucket)?.set(key, head);
      return head;
    },
    head: (bucket, key) => indexes.get(bucket)?.get(key),
    get(bucket, key) {
      const head = indexes.get(bucket)?.get(key);
      if (head === undefined) return undefined;
      const content = readFileSync(fileOf(bucket, key));
      return { head, body: content.subarray(content.indexOf(10) + 1) };
    },
    delete(bucket, key) {
      indexes.get(bucket)?.delete(key);
      rmSync(fileOf(bucket, key), { force: true });
    },
    list(bucket, prefix) {
      const heads = [...(indexes.get(bucket)?.values() ?? [])].filter((head) => head.key.startsWith(prefix));
      return heads.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    },
  };
}

function readIndex(directory: string): Map<string, ObjectHead> {
  mkdirSync(directory, { recursive: true });
  const index = new Map<string, ObjectHead>();
  for (const shard of readdirSync(directory)) {
    for (const name of readdirSync(path.join(directory, shard))) {
      const file = path.join(directory, shard, name);
      if (name.includes(".")) {
        // A draft of a process that was killed before the rename.
        rmSync(file, { force: true });
        continue;
      }
      const content = readFileSync(file);
      const head = JSON.parse(content.subarray(0, content.indexOf(10)).toString("utf8")) as ObjectHead;
      index.set(head.key, head);
    }
  }
  return index;
}
