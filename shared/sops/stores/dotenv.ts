/** SOPS files of the form NAME=value, a line each. Nothing is trimmed or unquoted; `\n` stands for a line feed. */
import { unflatten } from "../flatten.ts";
import { goFixed } from "../go-numbers.ts";
import { SopsError } from "../sops-error.ts";
import { Branch, Comment, type Item, Time, type Value } from "../tree.ts";
import type { StoredFile } from "./store.ts";

const prefix = "sops_";

/** @throws SopsError (`malformed`) with the line */
export function readDotenv(bytes: Uint8Array): StoredFile {
  const items: Item[] = [];
  const flat: [string, string][] = [];
  for (const [index, line] of new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split("\n").entries()) {
    if (line === "") continue;
    if (line.startsWith("#")) {
      items.push({ key: undefined, value: new Comment(line.slice(1)) });
      continue;
    }
    const at = line.indexOf("=");
    if (at < 0) throw new SopsError("malformed", `line ${index + 1}: there is no equals sign`);
    const key = line.slice(0, at);
    const value = line.slice(at + 1).replaceAll("\\n", "\n");
    if (key.startsWith(prefix)) flat.push([key.slice(prefix.length), value]);
    else items.push({ key, value });
  }
  return { branches: [new Branch(items)], metadata: flat.length === 0 ? undefined : unflatten(flat) };
}

/** @throws SopsError (`malformed`) when a value has a structure */
export function writeDotenv(branch: Branch): Uint8Array {
  const lines = branch.items.map((item) => {
    if (item.key === undefined) return `#${item.value.text}\n`;
    const { value } = item;
    if (value instanceof Branch || Array.isArray(value))
      throw new SopsError("malformed", `the value of ${item.key} has a structure, which a dotenv file cannot hold`);
    return `${item.key}=${scalarText(value).replaceAll("\n", "\\n")}\n`;
  });
  return Buffer.from(lines.join(""));
}

/** How a value of another format looks where there is only text. */
export function scalarText(value: Exclude<Value, Branch | Value[]>): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return goFixed(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  if (value instanceof Time) return value.rfc3339;
  if (value instanceof Comment) return value.text;
  return value === null ? "<nil>" : String(value);
}
