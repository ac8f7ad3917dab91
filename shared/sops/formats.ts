/** The formats of SOPS files: how a name tells the format, and how Flux recognizes an encrypted file. */

export type Format = "yaml" | "json" | "dotenv" | "ini" | "binary";

/** By the end of the name, as SOPS and Flux do; every other name means binary. */
export function formatOfPath(path: string): Format {
  if (path.endsWith(".yaml") || path.endsWith(".yml")) return "yaml";
  if (path.endsWith(".json") || path.endsWith(".dockerconfigjson")) return "json";
  if (path.endsWith(".env")) return "dotenv";
  return path.endsWith(".ini") ? "ini" : "binary";
}

const formats: readonly Format[] = ["yaml", "json", "dotenv", "ini", "binary"];

/** A format by the name that sops gives it. */
export const parseFormat = (name: string): Format | undefined => formats.find((format) => format === name);

const markers: Readonly<Record<Format, string>> = {
  binary: '"mac": "ENC[',
  dotenv: "sops_mac=ENC[",
  ini: "[sops]",
  json: '"mac": "ENC[',
  yaml: "mac: ENC[",
};

/** Whether Flux would try to decrypt bytes that are expected in this format. */
export const hasMarker = (bytes: Uint8Array, format: Format): boolean => asBuffer(bytes).includes(markers[format]);

/** The format whose marker the bytes hold, in Flux's order. */
export function detectFormat(bytes: Uint8Array): Format | undefined {
  const order: readonly Format[] = ["binary", "dotenv", "ini", "yaml"];
  return order.find((format) => hasMarker(bytes, format));
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
