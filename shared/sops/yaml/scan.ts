/** Scalars on one line of YAML: where they end and what they say. */

const doubleQuoted = /^"(?:[^"\\]|\\.)*"/;
const singleQuoted = /^'(?:[^']|'')*'/;
const empty = /^(?:\{\}|\[\])/;

/** The index behind the scalar at the start of the text; -1 when it does not end on the line. */
export function findValueEnd(text: string): number {
  const first = text.charCodeAt(0);
  if (first === 0x22) return doubleQuoted.exec(text)?.[0].length ?? -1;
  if (first === 0x27) return singleQuoted.exec(text)?.[0].length ?? -1;
  if (first === 0x5b || first === 0x7b) return empty.exec(text)?.[0].length ?? -1;
  const comment = text.indexOf(" #");
  const end = comment < 0 ? text.length : comment;
  return text.slice(0, end).trimEnd().length;
}

const escapes = new Map(
  Object.entries({ "0": "\0", a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b" }).concat(
    Object.entries({ " ": " ", '"': '"', "/": "/", "\\": "\\", N: "\u0085", _: "\u00a0", L: "\u2028", P: "\u2029" }),
  ),
);

const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs;

/** The text within double quotes; `undefined` when an escape is none. */
export function unquoteDouble(quoted: string): string | undefined {
  const inner = quoted.slice(1, -1);
  if (!inner.includes("\\")) return inner;
  let unknown = 0;
  const text = inner.replace(escape, (_, x?: string, u?: string, U?: string, name?: string) => {
    const known = name === undefined ? characterOf(Number.parseInt(x ?? u ?? U ?? "", 16)) : escapes.get(name);
    if (known === undefined) unknown += 1;
    return known ?? "";
  });
  return unknown > 0 ? undefined : text;
}

function characterOf(code: number): string | undefined {
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || isSurrogate ? undefined : String.fromCodePoint(code);
}
