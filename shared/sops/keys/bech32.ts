/** Bech32 without its limit of ninety characters, as age uses it for identities and recipients. */

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;

function checksum(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) sum ^= generator;
  }
  return sum;
}

const expand = (prefix: string): readonly number[] => {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
};

export interface Bech32 {
  /** In lower case. */
  readonly prefix: string;
  readonly bytes: Uint8Array;
}

/** `undefined` when the text is none: mixed case, a foreign character, a wrong checksum. */
export function decodeBech32(text: string): Bech32 | undefined {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return undefined;
  const lower = text.toLowerCase();
  const at = lower.lastIndexOf("1");
  const values = Array.from(lower.slice(at + 1), (character) => alphabet.indexOf(character));
  if (at < 1 || values.length < 6 || values.includes(-1)) return undefined;
  if (checksum([...expand(lower.slice(0, at)), ...values]) !== 1) return undefined;
  const bytes = regroup(values.slice(0, -6), 5, 8);
  return bytes && { prefix: lower.slice(0, at), bytes: Uint8Array.from(bytes) };
}

/** In lower case. */
export function encodeBech32({ prefix, bytes }: Bech32): string {
  const values = regroup([...bytes], 8, 5) ?? [];
  const sum = checksum([...expand(prefix), ...values, 0, 0, 0, 0, 0, 0]) ^ 1;
  const check = [25, 20, 15, 10, 5, 0].map((shift) => (sum >> shift) & 31);
  return `${prefix}1${[...values, ...check].map((value) => alphabet.charAt(value)).join("")}`;
}

/** Bits that are left over must be fewer than a group and zero when groups grow. */
function regroup(values: readonly number[], from: number, to: number): readonly number[] | undefined {
  const groups: number[] = [];
  let bits = 0;
  let buffer = 0;
  for (const value of values) {
    buffer = ((buffer << from) | value) & 0xfff;
    bits += from;
    for (; bits >= to; bits -= to) groups.push((buffer >> (bits - to)) & ((1 << to) - 1));
  }
  const rest = (buffer << (to - bits)) & ((1 << to) - 1);
  if (from > to) return bits > 0 ? [...groups, rest] : groups;
  return bits >= from || rest !== 0 ? undefined : groups;
}
