/** Reads what kubectl's typed commands send: Kubernetes objects in protobuf. Replies are always JSON, which it accepts. */
import { builtinMessages } from "./builtin-messages.ts";
import { isObj, objOf, textOf, type Obj } from "./json.ts";
import { schemaName } from "./resources.ts";
import { badRequest } from "./status-error.ts";

interface Field {
  readonly name: string;
  readonly isInline: boolean;
  readonly shape: "" | "[]" | "{}";
  /** One of `s b x i d`, or a message by name. */
  readonly type: string;
}

let messages: ReadonlyMap<string, ReadonlyMap<number, Field>> | undefined;

function message(name: string): ReadonlyMap<number, Field> | undefined {
  messages ??= new Map(
    builtinMessages
      .trim()
      .split("\n")
      .map((line) => {
        const [own = "", ...fields] = line.split("|");
        return [own, new Map(fields.map(parseField))];
      }),
  );
  return messages.get(name);
}

function parseField(text: string): [number, Field] {
  const [number = "", name = "", type = ""] = text.split(" ");
  const [, inline, shape = "", rest = ""] = /^(<?)(\[\]|\{\}|)@?(.+)$/.exec(type) ?? [];
  return [
    Number(number),
    { name, isInline: inline === "<", shape: shape === "[]" || shape === "{}" ? shape : "", type: rest },
  ];
}

const MAGIC = Buffer.from("k8s\0");

/** @throws StatusError 400 when it is no Kubernetes object or one of a kind that the sandbox does not know. */
export function decodeProtobuf(body: Buffer): Obj {
  if (!body.subarray(0, 4).equals(MAGIC))
    throw badRequest("the body of the request is not a Kubernetes protobuf message");
  const envelope = fieldsOf(body.subarray(4));
  const type = fieldsOf(bytes(envelope.get(1)));
  const [apiVersion, kind] = [bytes(type.get(1)).toString("utf8"), bytes(type.get(2)).toString("utf8")];
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const names = [
    schemaName({ group, version, kind }),
    `io.k8s.api.${group.split(".")[0] ?? ""}.${version}.${kind}`,
    `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`,
  ];
  const name = names.map((one) => one.replace("io.k8s.", "")).find((one) => message(one));
  if (name === undefined) throw badRequest(`the sandbox does not read ${apiVersion} ${kind} in protobuf; send JSON`);
  return { apiVersion, kind, ...objOf(decodeMessage(name, bytes(envelope.get(2)))) };
}

type Wire = bigint | Buffer;

const bytes = (values: readonly Wire[] | undefined): Buffer => {
  const last = values?.at(-1);
  return Buffer.isBuffer(last) ? last : Buffer.alloc(0);
};

function fieldsOf(buffer: Buffer): Map<number, Wire[]> {
  const found = new Map<number, Wire[]>();
  let offset = 0;
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = buffer[offset++];
      if (byte === undefined) throw badRequest("the protobuf body of the request ends too early");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7n;
    }
  };
  const take = (length: number): Buffer => buffer.subarray(offset, (offset += length));
  while (offset < buffer.length) {
    const tag = varint();
    const wire = Number(tag & 7n);
    const value = wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()));
    const number = Number(tag >> 3n);
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

const TIME = /\.(Time|MicroTime)$/;

function decodeMessage(name: string, buffer: Buffer): unknown {
  const fields = fieldsOf(buffer);
  if (TIME.test(name)) return decodeTime(fields, name.endsWith("MicroTime"));
  if (name.endsWith("resource.Quantity")) return bytes(fields.get(1)).toString("utf8");
  if (name.endsWith("intstr.IntOrString"))
    return signed(fields.get(1)?.[0]) === 1 ? bytes(fields.get(3)).toString("utf8") : signed(fields.get(2)?.[0]);
  if (/\.(RawExtension|JSON|FieldsV1)$/.test(name))
    return fields.has(1) ? (JSON.parse(bytes(fields.get(1)).toString("utf8")) as unknown) : {};
  const out: Obj = {};
  for (const [number, field] of message(name) ?? []) {
    const values = fields.get(number);
    if (!values) continue;
    if (field.shape === "{}")
      out[field.name] = Object.fromEntries(values.map((entry) => decodeEntry(field.type, entry)));
    else if (field.shape === "[]") out[field.name] = values.map((value) => decodeValue(field.type, value));
    else {
      const value = decodeValue(field.type, values.at(-1) ?? 0n);
      if (field.isInline) Object.assign(out, isObj(value) ? value : {});
      else if (value !== undefined) out[field.name] = value;
    }
  }
  return isList(name, out) ? out.items : out;
}

/** Named lists of strings (`Verbs`, `ExtraValue`) are messages with one field. */
const isList = (name: string, out: Obj): boolean => /\.(Verbs|ExtraValue)$/.test(name) && Array.isArray(out.items);

function decodeEntry(type: string, entry: Wire): [string, unknown] {
  const fields = fieldsOf(Buffer.isBuffer(entry) ? entry : Buffer.alloc(0));
  return [bytes(fields.get(1)).toString("utf8"), decodeValue(type, fields.get(2)?.at(-1) ?? Buffer.alloc(0))];
}

function decodeValue(type: string, value: Wire): unknown {
  if (type === "i") return signed(value);
  if (type === "b") return value !== 0n;
  const buffer = Buffer.isBuffer(value) ? value : Buffer.alloc(0);
  if (type === "s") return buffer.toString("utf8");
  if (type === "x") return buffer.toString("base64");
  return type === "d" ? buffer.readDoubleLE(0) : decodeMessage(type, buffer);
}

const signed = (value: Wire | undefined): number => (typeof value === "bigint" ? Number(BigInt.asIntN(64, value)) : 0);

function decodeTime(fields: Map<number, Wire[]>, isMicro: boolean): string | undefined {
  if (!fields.has(1)) return undefined;
  const iso = new Date(signed(fields.get(1)?.[0]) * 1000 + Math.floor(signed(fields.get(2)?.[0]) / 1e6)).toISOString();
  return isMicro ? iso.replace("Z", "000Z") : textOf(iso).replace(/\.\d+Z$/, "Z");
}
