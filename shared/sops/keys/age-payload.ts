/** The content of an age file: chunks of 64 KiB under ChaCha20-Poly1305, numbered, the last one marked. */
import { createDecipheriv, hkdfSync } from "node:crypto";

const nonceBytes = 16;
const tagBytes = 16;
const chunkBytes = 64 * 1024 + tagBytes;

/** @throws Error when something was cut off, added or changed */
export function decryptPayload(payload: Uint8Array, fileKey: Uint8Array): Uint8Array {
  if (payload.length < nonceBytes + tagBytes) throw new Error("the content of the age file is cut off");
  const nonce = payload.subarray(0, nonceBytes);
  const key = Buffer.from(hkdfSync("sha256", fileKey, nonce, "payload", 32));
  const plain: Buffer[] = [];
  for (let at = nonceBytes, index = 0; at < payload.length; at += chunkBytes, index += 1) {
    const isLast = at + chunkBytes >= payload.length;
    const chunk = decryptChunk(payload.subarray(at, at + chunkBytes), key, { index, isLast });
    if (isLast && chunk.length === 0 && index > 0) throw new Error("the last chunk of the age file is empty");
    plain.push(chunk);
  }
  return Buffer.concat(plain);
}

interface Place {
  readonly index: number;
  readonly isLast: boolean;
}

function decryptChunk(chunk: Uint8Array, key: Uint8Array, { index, isLast }: Place): Buffer {
  if (chunk.length < tagBytes) throw new Error("the content of the age file is cut off");
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 7);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(chunk.subarray(-tagBytes));
  return Buffer.concat([decipher.update(chunk.subarray(0, -tagBytes)), decipher.final()]);
}
