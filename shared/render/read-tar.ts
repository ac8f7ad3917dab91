/** Reads a tar archive that is already in memory: names, types and contents, without copying a byte. */

export interface TarEntry {
  readonly name: string;
  readonly type: "file" | "directory" | "other";
  /** A view of the archive; empty for everything but files. */
  readonly content: Buffer;
}

const BLOCK = 512;

/**
 * The entries in order: POSIX (ustar, pax) and GNU archives. Global pax headers are skipped.
 *
 * @throws Error when the archive is cut off or a header is damaged
 */
export function* readTar(archive: Buffer): Generator<TarEntry> {
  let longName: string | undefined;
  let longSize: number | undefined;
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    requireChecksum(header, at);

    const kind = String.fromCharCode(header[156] ?? 0);
    const size = (kind === "x" || kind === "L" ? undefined : longSize) ?? numberIn(header, 124, 12);
    const start = at + BLOCK;
    if (start + size > archive.length) throw new Error("unexpected EOF");
    const content = archive.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;

    if (kind === "x") {
      const records = paxRecords(content);
      longName = records.get("path") ?? longName;
      const paxSize = records.get("size");
      if (paxSize !== undefined) longSize = sizeOf(Number(paxSize));
      continue;
    }
    if (kind === "L") {
      longName = textIn(content, 0, content.length);
      continue;
    }
    if (kind === "g" || kind === "K") continue;
    yield entryOf(kind, longName ?? nameIn(header), content);
    longName = undefined;
    longSize = undefined;
  }
}

function entryOf(kind: string, name: string, content: Buffer): TarEntry {
  const isFile = kind === "0" || kind === "\0" || kind === "7";
  // Old archives mark directories by a slash only.
  if (kind === "5" || (isFile && name.endsWith("/")))
    return { name, type: "directory", content: content.subarray(0, 0) };
  return isFile ? { name, type: "file", content } : { name, type: "other", content: content.subarray(0, 0) };
}

function nameIn(header: Buffer): string {
  const name = textIn(header, 0, 100);
  const isUstar = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? textIn(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function textIn(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? field.length : end);
}

/** Octal text, or base 256 when the first bit is set. */
function numberIn(header: Buffer, start: number, length: number): number {
  const first = header[start] ?? 0;
  if ((first & 0x80) === 0) return sizeOf(Number.parseInt(textIn(header, start, length).trim() || "0", 8));
  let value = first & 0x7f;
  for (let index = start + 1; index < start + length; index += 1) value = value * 256 + (header[index] ?? 0);
  return sizeOf(value);
}

function sizeOf(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error("invalid tar header");
}

function requireChecksum(header: Buffer, at: number): void {
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK; index += 1) sum += index >= 148 && index < 156 ? 0 : (header[index] ?? 0);
  if (sum !== numberIn(header, 148, 8)) throw new Error(`invalid tar header at byte ${at}`);
}

/** `<length> <key>=<value>\n`, the length being that of the whole record in bytes. */
function paxRecords(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString("latin1", at, space));
    if (space === -1 || !Number.isSafeInteger(length) || length <= space - at) throw new Error("invalid pax header");
    const record = content.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
