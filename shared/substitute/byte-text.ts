/**
 * Text as Go sees it: a string with one character per byte of UTF-8. Lengths, offsets and cuts of variables count bytes,
 * so a cut may fall inside a character; such a byte comes back as a lone surrogate U+DC80 to U+DCFF.
 */

/** Every character is a byte, U+0000 to U+00FF. */
export type ByteText = string;

/** What Go puts in the place of a byte that is not UTF-8. */
export const REPLACEMENT: ByteText = "\xef\xbf\xbd";

const ascii = /^[^\u0080-\uffff]*$/;
/** With the flag u only a surrogate without its other half matches. */
const strayByte = /([\udc80-\udcff])/u;
/** One character in UTF-8, or one byte that belongs to none. */
const rune =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[^]/;
const everyRune = new RegExp(rune.source, "g");
const runeHere = new RegExp(rune.source, "y");

export function toByteText(text: string): ByteText {
  if (ascii.test(text)) return text;
  return text
    .split(strayByte)
    .map((part) => (strayByte.test(part) ? strayToByte(part) : Buffer.from(part, "utf8").toString("latin1")))
    .join("");
}

export function fromByteText(bytes: ByteText): string {
  if (ascii.test(bytes)) return bytes;
  return splitRunes(bytes)
    .map((part) => (isStray(part) ? byteToStray(part) : decode(part)))
    .join("");
}

/** The first byte of the text that belongs to no character: Go's YAML parser refuses it. */
export function firstStrayByte(text: string): number | undefined {
  const [stray] = strayByte.exec(text) ?? [];
  return stray === undefined ? undefined : strayToByte(stray).charCodeAt(0);
}

/** The text of bytes that may be anything, such as a value of a Secret. */
export const textOfBytes = (bytes: Uint8Array): string => fromByteText(Buffer.from(bytes).toString("latin1"));

export const splitRunes = (bytes: ByteText): readonly ByteText[] => bytes.match(everyRune) ?? [];

/** The character that begins at the offset, or the single byte there. Empty at the end. */
export function runeAt(bytes: ByteText, offset: number): ByteText {
  runeHere.lastIndex = offset;
  return runeHere.exec(bytes)?.[0] ?? "";
}

/** Maps character by character, as `strings.Map` does: stray bytes become U+FFFD. */
export const mapRunes = (bytes: ByteText, map: (character: string) => string): ByteText =>
  splitRunes(bytes)
    .map((part) => (isStray(part) ? REPLACEMENT : toByteText(map(decode(part)))))
    .join("");

/** The code point of one character; U+FFFD for a stray byte. */
export const codePointOf = (part: ByteText): number => (isStray(part) ? 0xfffd : (decode(part).codePointAt(0) ?? 0));

export const isStray = (part: ByteText): boolean => part.length === 1 && part >= "\x80";

const decode = (part: ByteText): string => (part.length === 1 ? part : Buffer.from(part, "latin1").toString("utf8"));
const strayToByte = (character: string): ByteText => String.fromCharCode(character.charCodeAt(0) - 0xdc00);
const byteToStray = (byte: ByteText): string => String.fromCharCode(byte.charCodeAt(0) + 0xdc00);
