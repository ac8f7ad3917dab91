/** Reads a Git pack: inflates its objects, applies its deltas, and names each object by its hash (gitformat-pack(5)). */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";

import { GitError } from "./transport.ts";

export type ObjectType = "commit" | "tree" | "blob" | "tag";

export interface GitObject {
  readonly type: ObjectType;
  readonly content: Buffer;
}

/** Objects by their hexadecimal name. */
export type ObjectStore = ReadonlyMap<string, GitObject>;

export type HashAlgorithm = "sha1" | "sha256";

const types: readonly (ObjectType | undefined)[] = [undefined, "commit", "tree", "blob", "tag"];
const ofsDelta = 6;
const refDelta = 7;
const hashBytes = { sha1: 20, sha256: 32 } as const;

interface Delta {
  readonly offset: number;
  readonly base: number | string;
  readonly instructions: Buffer;
}

export interface PackLimits {
  /** Bytes of all objects together, inflated. */
  readonly maxInflatedBytes: number;
}

/** @throws GitError `Protocol` for a damaged pack, `LimitExceeded` for one that inflates beyond the limit */
export function readPack(pack: Uint8Array, algorithm: HashAlgorithm, { maxInflatedBytes }: PackLimits): ObjectStore {
  const bytes = Buffer.from(pack.buffer, pack.byteOffset, pack.byteLength);
  requireIntact(bytes, algorithm);
  const count = bytes.readUInt32BE(8);
  const store = new Map<string, GitObject>();
  const byOffset = new Map<number, GitObject>();
  const waiting: Delta[] = [];
  let budget = maxInflatedBytes;

  const keep = (offset: number, object: GitObject): void => {
    byOffset.set(offset, object);
    store.set(objectName(object, algorithm), object);
  };
  const spend = (size: number): void => {
    budget -= size;
    if (budget < 0)
      throw new GitError("LimitExceeded", `the repository's tree is larger than ${maxInflatedBytes} bytes`);
  };
  const baseOf = ({ base }: Delta) => (typeof base === "number" ? byOffset.get(base) : store.get(base));
  const resolve = (delta: Delta, base: GitObject): void => {
    const content = applyDelta(base.content, delta.instructions, spend);
    keep(delta.offset, { type: base.type, content });
  };

  let at = 12;
  for (let index = 0; index < count; index += 1) {
    const offset = at;
    const header = readHeader(bytes, at, hashBytes[algorithm]);
    spend(header.size);
    const { content, end } = inflate(bytes, header.end, header.size);
    at = end;
    const type = types[header.type];
    if (type) keep(offset, { type, content });
    else {
      const delta = { offset, base: header.base ?? "", instructions: content };
      const base = baseOf(delta);
      if (base) resolve(delta, base);
      else waiting.push(delta);
    }
  }
  resolveWaiting(waiting, baseOf, resolve);
  return store;
}

/** Deltas may stand before their base; each round must resolve one at least. */
function resolveWaiting(
  waiting: Delta[],
  baseOf: (delta: Delta) => GitObject | undefined,
  resolve: (delta: Delta, base: GitObject) => void,
): void {
  while (waiting.length > 0) {
    const left = waiting.splice(0);
    for (const delta of left) {
      const base = baseOf(delta);
      if (base) resolve(delta, base);
      else waiting.push(delta);
    }
    if (waiting.length === left.length) throw damaged("a delta without its base");
  }
}

function requireIntact(bytes: Buffer, algorithm: HashAlgorithm): void {
  const trailer = bytes.length - hashBytes[algorithm];
  if (trailer < 12 || bytes.toString("latin1", 0, 4) !== "PACK") throw damaged("no pack header");
  if (bytes.readUInt32BE(4) !== 2) throw damaged(`version ${bytes.readUInt32BE(4)}`);
  const sum = createHash(algorithm).update(bytes.subarray(0, trailer)).digest();
  if (!sum.equals(bytes.subarray(trailer))) throw damaged("wrong checksum");
}

interface Header {
  readonly type: number;
  readonly size: number;
  readonly base?: number | string;
  readonly end: number;
}

function readHeader(bytes: Buffer, offset: number, nameBytes: number): Header {
  let at = offset;
  let byte = byteAt(bytes, at++);
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  for (let scale = 16; byte & 128; scale *= 128) {
    byte = byteAt(bytes, at++);
    size += (byte & 127) * scale;
  }
  if (type === refDelta) return { type, size, base: bytes.toString("hex", at, at + nameBytes), end: at + nameBytes };
  if (type !== ofsDelta) {
    if (!types[type]) throw damaged(`object type ${type}`);
    return { type, size, end: at };
  }
  byte = byteAt(bytes, at++);
  let distance = byte & 127;
  while (byte & 128) {
    byte = byteAt(bytes, at++);
    distance = (distance + 1) * 128 + (byte & 127);
  }
  return { type, size, base: offset - distance, end: at };
}

function inflate(bytes: Buffer, at: number, size: number): { content: Buffer; end: number } {
  try {
    // With `info` the result tells how much was read; the types of Node do not know it.
    const { buffer, engine } = inflateSync(bytes.subarray(at), {
      info: true,
      chunkSize: Math.max(64, size + 8),
      maxOutputLength: Math.max(1, size),
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    if (buffer.length !== size) throw damaged("an object of another size than announced");
    return { content: buffer, end: at + engine.bytesWritten };
  } catch (error) {
    throw error instanceof GitError ? error : damaged("an object that does not inflate");
  }
}

function applyDelta(base: Buffer, delta: Buffer, spend: (size: number) => void): Buffer {
  let at = 0;
  const size = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = byteAt(delta, at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  if (size() !== base.length) throw damaged("a delta for another base");
  const length = size();
  spend(length);
  const result = Buffer.allocUnsafe(length);
  let filled = 0;
  while (at < delta.length) {
    const instruction = byteAt(delta, at++);
    if (instruction === 0) throw damaged("a delta with an unknown instruction");
    if (instruction < 128) {
      if (at + instruction > delta.length || filled + instruction > length) throw damaged("a delta that is too long");
      filled += delta.copy(result, filled, at, at + instruction);
      at += instruction;
      continue;
    }
    let from = 0;
    let count = 0;
    for (let bit = 0; bit < 4; bit += 1) if (instruction & (1 << bit)) from += byteAt(delta, at++) * 256 ** bit;
    for (let bit = 0; bit < 3; bit += 1) if (instruction & (16 << bit)) count += byteAt(delta, at++) * 256 ** bit;
    if (count === 0) count = 65536;
    if (from + count > base.length || filled + count > length) throw damaged("a delta beyond its base");
    filled += base.copy(result, filled, from, from + count);
  }
  if (filled !== length) throw damaged("a delta that is too short");
  return result;
}

export function objectName({ type, content }: GitObject, algorithm: HashAlgorithm): string {
  return createHash(algorithm).update(`${type} ${content.length}\0`).update(content).digest("hex");
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw damaged("it ends too early");
  return byte;
}

const damaged = (what: string): GitError => new GitError("Protocol", `the server's pack is damaged: ${what}`);
