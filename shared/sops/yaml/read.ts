/** SOPS files in YAML. What SOPS itself prints is read line by line, ten times as fast as by a parser of all of YAML. */
import { SopsError } from "../sops-error.ts";
import type { Branch } from "../tree.ts";
import { readAnyYaml } from "./read-any.ts";
import { readRegularYaml } from "./read-regular.ts";

/** Of YAML that SOPS would not have printed: a parser of all of YAML takes seconds for more. */
const irregularLimitBytes = 1024 * 1024;

/** The documents, metadata included. @throws SopsError (`malformed`, `too-large`) with the line, never with text */
export function readYaml(bytes: Uint8Array): readonly Branch[] {
  const text = decode(bytes);
  const regular = readRegularYaml(text);
  if (regular) return regular;
  if (text.length > irregularLimitBytes)
    throw new SopsError(
      "too-large",
      "more than 1 MiB of YAML in a form that SOPS does not print: let SOPS write the file, which makes it regular",
    );
  return readAnyYaml(text);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SopsError("malformed", "the file is not UTF-8");
  }
}
