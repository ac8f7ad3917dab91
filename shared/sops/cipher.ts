/** One value of a SOPS file: AES-256-GCM whose additional data is the value's path. */
import { createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";

import { SopsError } from "./sops-error.ts";
import { Comment, textOf, Time, type Value } from "./tree.ts";

/** A data key as the cipher wants it: with a Buffer for key, Node 24 is four times slower. */
export type DataKey = KeyObject;

const keyBytes = 32;
const tagBytes = 16;

/** @throws SopsError (`no-key`) when it has not the length that AES-256 asks for */
export function dataKeyOf(bytes: Uint8Array): DataKey {
  if (bytes.length !== keyBytes)
    throw new SopsError("no-key", `the data key has ${bytes.length} bytes, AES-256 needs ${keyBytes}`);
  return createSecretKey(bytes);
}

const prefix = "ENC[AES256_GCM,data:";
/** Greedy and without an end, as SOPS reads it: what follows the last bracket of the line is passed over. */
const form = /^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]/;

/** Whether a text has the form of an encrypted value. */
export const isCiphertext = (text: string): boolean => text.startsWith(prefix) && form.test(text);

/**
 * The typed value. An empty text was never encrypted and stays empty.
 * @throws SopsError (`bad-value`) without path and text: the caller knows where it is
 */
export function decryptValue(ciphertext: string, key: DataKey, path: string): Value {
  if (ciphertext === "") return "";
  const parts = form.exec(ciphertext);
  if (!parts) throw new SopsError("bad-value", "it is not encrypted, although the file's rules say that it should be");
  const [, content = "", iv = "", tag = "", type = ""] = parts;
  return typed(open(decode(content), decode(iv), decode(tag), { key, path }), type);
}

function open(
  content: Buffer,
  iv: Buffer,
  tag: Buffer,
  { key, path }: { readonly key: DataKey; readonly path: string },
): Buffer {
  if (tag.length !== tagBytes)
    throw new SopsError("bad-value", `its tag has ${tag.length} bytes instead of ${tagBytes}`);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, iv);
    decipher.setAAD(Buffer.from(path));
    decipher.setAuthTag(tag);
    const head = decipher.update(content);
    const tail = decipher.final();
    return tail.length === 0 ? head : Buffer.concat([head, tail]);
  } catch {
    throw new SopsError("bad-value", "it was encrypted under another path or another key, or was changed since");
  }
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Buffer passes over what is not base64; SOPS refuses it. */
function decode(text: string): Buffer {
  if (text.length % 4 !== 0 || !base64.test(text)) throw new SopsError("bad-value", "it is not valid base64");
  return Buffer.from(text, "base64");
}

const truths = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const falsehoods = new Set(["0", "f", "F", "FALSE", "false", "False"]);
const integer = /^[-+]?\d+$/;
const limit = 2n ** 63n;

function typed(plain: Buffer, type: string): Value {
  switch (type) {
    case "str":
      return textOf(plain);
    case "bytes":
      return textOf(plain);
    case "comment":
      return new Comment(plain.toString("utf8"));
    case "int":
      return parseInteger(plain.toString("latin1"));
    case "float":
      return parseFloatText(plain.toString("latin1"));
    case "bool":
      return parseBoolean(plain.toString("latin1"));
    case "time":
      return new Time(plain.toString("latin1"));
    default:
      throw new SopsError("bad-value", "it has a type that SOPS does not know");
  }
}

function parseInteger(text: string): bigint {
  const value = integer.test(text) ? BigInt(text.replace("+", "")) : limit;
  if (value >= limit || value < -limit) throw new SopsError("bad-value", "it claims to be a whole number and is none");
  return value;
}

function parseFloatText(text: string): number {
  const value = /^[+-]?Inf$/.test(text) ? Number(text.replace("Inf", "Infinity")) : Number(text);
  if (text.trim() === "" || (Number.isNaN(value) && text !== "NaN"))
    throw new SopsError("bad-value", "it claims to be a number and is none");
  return value;
}

function parseBoolean(text: string): boolean {
  if (truths.has(text)) return true;
  if (falsehoods.has(text)) return false;
  throw new SopsError("bad-value", "it claims to be a boolean and is none");
}
