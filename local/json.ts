/** Reads foreign JSON: each function gives one shape or says where it expected it. */

export type Json = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws Error naming `what` when the value is not an object. */
export function record(value: unknown, what: string): Json {
  if (!isRecord(value)) throw new Error(`${what} is not an object`);
  return value;
}

/** An absent value is an empty object. */
export const optionalRecord = (value: unknown, what: string): Json => (value === undefined ? {} : record(value, what));

/** @throws Error naming `what` when the value is not a string. Numbers and booleans are written out, as CloudFormation does. */
export function text(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Error(`${what} is not a string`);
}

export const optionalText = (value: unknown, what: string): string | undefined =>
  value === undefined || value === null ? undefined : text(value, what);

/** CloudFormation also accepts numbers written as strings. */
export function integer(value: unknown, fallback: number): number {
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "string" && /^-?\d+$/.test(value)) return Number(value);
  return fallback;
}

/** A single value stands for a list of one, as in IAM policies. */
export function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

export const texts = (value: unknown, what: string): readonly string[] => list(value).map((item) => text(item, what));

export function parseJson(source: string, what: string): Json {
  try {
    return record(JSON.parse(source), what);
  } catch (cause) {
    throw new Error(`${what} is not a JSON object`, { cause });
  }
}
