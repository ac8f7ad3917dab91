/** The one table of formats: bytes to documents with their metadata set apart, and documents to bytes. */
import type { Format } from "../formats.ts";
import { SopsError } from "../sops-error.ts";
import { Branch, type Item } from "../tree.ts";
import { readYaml } from "../yaml/read.ts";
import { writeYaml } from "../yaml/write.ts";
import { readDotenv, writeDotenv } from "./dotenv.ts";
import { readIni } from "./ini-read.ts";
import { writeIni } from "./ini-write.ts";
import { readJson, writeBinary, writeJson } from "./json.ts";

export interface StoredFile {
  /** Without metadata. */
  readonly branches: readonly Branch[];
  /** Of the first document; absent when the file is not encrypted. */
  readonly metadata: Branch | undefined;
}

const readers: Readonly<Record<Format, (bytes: Uint8Array) => StoredFile>> = {
  yaml: (bytes) => withoutMetadata(readYaml(bytes)),
  json: (bytes) => withoutMetadata([readJson(bytes)]),
  binary: (bytes) => withoutMetadata([readJson(bytes)]),
  dotenv: readDotenv,
  ini: readIni,
};

const writers: Readonly<Record<Format, (branches: readonly Branch[]) => Uint8Array>> = {
  yaml: writeYaml,
  json: (branches) => writeJson(only(branches)),
  binary: (branches) => writeBinary(only(branches)),
  dotenv: (branches) => writeDotenv(only(branches)),
  ini: (branches) => writeIni(only(branches)),
};

/** @throws SopsError (`malformed`, `too-large`) */
export const readStore = (bytes: Uint8Array, format: Format): StoredFile => readers[format](bytes);

/** Byte for byte what SOPS prints. @throws SopsError (`malformed`) when the format cannot hold it */
export const writeStore = (branches: readonly Branch[], format: Format): Uint8Array => writers[format](branches);

const key = "sops";

/** Every document carries the metadata; only those of the first are read. */
function withoutMetadata(branches: readonly Branch[]): StoredFile {
  const own = branches[0]?.items.filter((item) => item.key === key) ?? [];
  if (own.length > 1) throw new SopsError("malformed", "the key sops stands twice at the top of the file");
  const metadata = own[0]?.value;
  if (metadata !== undefined && !(metadata instanceof Branch))
    throw new SopsError("malformed", "the key sops at the top of the file is not a mapping");
  return { branches: branches.map((branch) => new Branch(branch.items.filter(isContent))), metadata };
}

const isContent = (item: Item): boolean => item.key !== key;

function only(branches: readonly Branch[]): Branch {
  const [first] = branches;
  if (!first) throw new SopsError("malformed", "the file holds no document");
  return first;
}
