/** Git's packet lines: four hexadecimal digits of length, then the payload; 0000, 0001 and 0002 are markers. */
import { GitError } from "./transport.ts";

export type Packet =
  { readonly kind: "line"; readonly bytes: Uint8Array } | { readonly kind: "flush" | "delim" | "end" };

export const flush = "0000";
export const delim = "0001";

/** One packet with a text payload. */
export function pkt(text: string): string {
  return (Buffer.byteLength(text) + 4).toString(16).padStart(4, "0") + text;
}

/** @throws GitError `Protocol` when the bytes are no packet lines. */
export function* packets(bytes: Uint8Array): Generator<Packet> {
  let at = 0;
  while (at < bytes.length) {
    const next = packetAt(bytes, at);
    if (!next) throw new GitError("Protocol", "the answer ends within a packet line");
    at = next.end;
    yield next.packet;
  }
}

/** The packet that begins at `at`; undefined while the bytes hold only a part of it. */
export function packetAt(bytes: Uint8Array, at: number): { packet: Packet; end: number } | undefined {
  if (at + 4 > bytes.length) return undefined;
  const digits = Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).toString("latin1");
  if (!/^[0-9a-f]{4}$/i.test(digits)) throw new GitError("Protocol", "the answer is not Git's protocol");
  const length = Number.parseInt(digits, 16);
  if (length === 0) return { packet: { kind: "flush" }, end: at + 4 };
  if (length === 1) return { packet: { kind: "delim" }, end: at + 4 };
  if (length === 2) return { packet: { kind: "end" }, end: at + 4 };
  if (length === 3) throw new GitError("Protocol", "the answer holds a packet line of impossible length");
  if (at + length > bytes.length) return undefined;
  return { packet: { kind: "line", bytes: bytes.subarray(at + 4, at + length) }, end: at + length };
}

/** The payload as text, without the line feed at its end. @throws GitError when it is the server's `ERR`. */
export function lineText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8").replace(/\n$/, "");
  if (text.startsWith("ERR ")) throw serverError(text.slice(4));
  return text;
}

/** The error that a server put in words. */
export function serverError(words: string): GitError {
  const message = words.trim().replace(/\s+/g, " ").slice(0, 300);
  const gone = /not our ref|no such remote ref|bad object/i.test(message);
  return new GitError(gone ? "NotFound" : "Protocol", message);
}
