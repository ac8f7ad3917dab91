/** Scalars on one line of YAML: where they end and what they say. */
import { findQuoteEnd } from "../quotes.ts";

const empty = /^(?:\{\}|\[\])/;

/** The index behind the scalar at the start of the text; -1 when it does not end on the line. */
export function findValueEnd(text: string): number {
  const first = text.charCodeAt(0);
  if (first === 0x22) return findQuoteEnd(text, 0);
  if (first === 0x27) return findSingleEnd(text);
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

const digitsOf = new Map(Object.entries({ x: 2, u: 4, U: 8 }));

/** The text within double quotes; `undefined` when an escape is none. */
export function unquoteDouble(quoted: string): string | undefined {
  const inner = quoted.slice(1, -1);
  const parts: string[] = [];
  let done = 0;
  for (let at = inner.indexOf("\\"); at >= 0; at = inner.indexOf("\\", done)) {
    const name = inner.charAt(at + 1);
    const digits = digitsOf.get(name) ?? 0;
    const known = digits === 0 ? escapes.get(name) : characterOf(inner.slice(at + 2, at + 2 + digits), digits);
    if (known === undefined) return undefined;
    parts.push(inner.slice(done, at), known);
    done = at + 2 + digits;
  }
  return parts.length === 0 ? inner : parts.join("") + inner.slice(done);
}

/** Two single quotes stand for one. */
function findSingleEnd(text: string): number {
  for (let at = text.indexOf("'", 1); at >= 0; at = text.indexOf("'", at + 2))
    if (text.charCodeAt(at + 1) !== 0x27) return at + 1;
  return -1;
}

function characterOf(hex: string, digits: number): string | undefined {
  if (hex.length !== digits || !/^[0-9a-fA-F]+$/.test(hex)) return undefined;
  const code = Number.parseInt(hex, 16);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || isSurrogate ? undefined : String.fromCodePoint(code);
}
