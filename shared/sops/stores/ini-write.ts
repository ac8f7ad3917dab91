/** SOPS files in INI, written as the Go library ini.v1 writes them: equals signs in one column, a line between sections. */
import { SopsError } from "../sops-error.ts";
import { Branch, type Item } from "../tree.ts";
import { scalarText } from "./dotenv.ts";

const defaultSection = "DEFAULT";

interface Key {
  readonly name: string;
  value: string;
  comment: string;
}

interface Section {
  readonly name: string;
  readonly comment: string;
  readonly keys: readonly Key[];
}

/** @throws SopsError (`malformed`) when a value stands outside of sections or has a structure */
export function writeIni(branch: Branch): Uint8Array {
  const sections = branch.items.flatMap((item) => (item.key === undefined ? [] : [sectionOf(item.key, item)]));
  const first = sections[0]?.name === defaultSection;
  const all = first ? sections : [{ name: defaultSection, comment: "", keys: [] }, ...sections];
  return Buffer.from(
    all
      .map((section, index) => print(section, index === 0))
      .filter(Boolean)
      .join("\n"),
  );
}

function sectionOf(name: string, { value }: Item): Section {
  if (!(value instanceof Branch))
    throw new SopsError("malformed", `the value of ${name} stands in no section, which an INI file cannot hold`);
  const [head, ...rest] = value.items;
  const comment = head?.key === undefined ? (head?.value.text ?? "") : "";
  return { name, comment, keys: keysOf(name, head?.key === undefined ? rest : value.items) };
}

/** The last comment behind a key is the key's. */
function keysOf(section: string, items: readonly Item[]): readonly Key[] {
  const keys = new Map<string, Key>();
  let last: Key | undefined;
  for (const item of items) {
    if (item.key === undefined) {
      if (last) last.comment = item.value.text;
      continue;
    }
    const { key, value } = item;
    if (value instanceof Branch || Array.isArray(value))
      throw new SopsError("malformed", `${section}.${key} has a structure, which an INI file cannot hold`);
    last = keys.get(key) ?? { name: key, value: "", comment: "" };
    last.value = typeof value === "number" ? value.toFixed(6) : scalarText(value);
    keys.set(key, last);
  }
  return [...keys.values()];
}

function print({ name, comment, keys }: Section, isDefault: boolean): string {
  const header = isDefault ? "" : `[${name}]\n`;
  if (isDefault && keys.length === 0) return printComment(comment, false);
  const names = keys.map((key) => quoteName(key.name));
  const width = Math.max(0, ...names.map(({ width: own }) => own));
  const lines = keys.map(({ value, comment: own }, index) => {
    const text = names[index]?.text ?? "";
    const padding = " ".repeat(Math.max(0, width - Buffer.byteLength(text)));
    return `${printComment(own, true)}${text}${padding} = ${quoteValue(value)}\n`;
  });
  return printComment(comment, false) + header + lines.join("");
}

function printComment(comment: string, trims: boolean): string {
  if (comment === "") return "";
  const lines = comment.split("\n").map((line) => {
    if (/^[#;]/.test(line)) return `${line.slice(0, 1)} ${line.slice(1).trim()}\n`;
    return `; ${trims ? line.trim() : line}\n`;
  });
  return lines.join("");
}

/** The column is reckoned with as many quotes as the library believes that it writes. */
function quoteName(name: string): { readonly text: string; readonly width: number } {
  const bytes = Buffer.byteLength(name);
  if (/["=:]/.test(name)) return { text: `\`${name}\``, width: bytes + 2 };
  return name.includes("`") ? { text: `"""${name}"""`, width: bytes + 6 } : { text: name, width: bytes };
}

function quoteValue(value: string): string {
  if (/[\n`]/.test(value)) return `"""${value}"""`;
  if (/[#;]/.test(value)) return `\`${value}\``;
  return value.trim() === value ? value : `"${value}"`;
}
