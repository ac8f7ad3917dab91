/** The command line of Flux's controllers as pflag reads it, and the forms of its values as Go reads them. */
import { parseGoDuration } from "../runtime/go-duration.ts";

export interface GivenFlags {
  /** Values by flag, in the order given; a boolean without a value is `true`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Words at which the controller would refuse to start. */
  readonly malformed: readonly string[];
}

/**
 * Reads `--flag=value`, `--flag value` and, for booleans, `--flag`. Only a flag of `takesNext` takes the next word: a
 * boolean does not, and neither does one that nobody knows, which could otherwise hide another flag. Words that are no
 * flag are passed over, and so is all behind `--`.
 */
export function parseFlags(words: readonly string[], takesNext: (flag: string) => boolean): GivenFlags {
  const values = new Map<string, string[]>();
  const malformed: string[] = [];
  const end = words.indexOf("--");
  const left = (end < 0 ? words : words.slice(0, end)).values();
  for (const word of left) {
    if (!word.startsWith("-") || word === "-") continue;
    const [, flag = "", given] = /^--([^-=][^=]*)(?:=(.*))?$/su.exec(word) ?? [];
    const value = given ?? (takesNext(flag) ? left.next().value : "true");
    if (flag === "" || value === undefined) malformed.push(word);
    else values.set(flag, [...(values.get(flag) ?? []), value]);
  }
  return { values, malformed };
}

/** How the values given to one flag become its value. */
export interface FlagType<T> {
  /** Where the flag is not given. */
  readonly absent: T;
  /** @throws TypeError when the controller would refuse to start with one of them */
  readonly parse: (values: readonly string[]) => T;
}

/** All must be well-formed; the last one counts. */
const last = <T>(absent: T, parse: (value: string) => T): FlagType<T> => ({
  absent,
  parse: (values) => values.map(parse).at(-1) ?? absent,
});

export const bool = (absent: boolean): FlagType<boolean> => last(absent, parseBool);
export const text = (absent = ""): FlagType<string> => last(absent, (value) => value);
/** Go's duration, in seconds; more than zero, for it is a pause between two tries. */
export const seconds = (absent: number): FlagType<number> => last(absent, parseSeconds);
/** A whole number below 100. */
export const percentage = (absent: number): FlagType<number> => last(absent, parsePercentage);
/** Each occurrence is one entry. */
export const array: FlagType<readonly string[]> = { absent: [], parse: (values) => values };
/** Each occurrence is a list with commas. */
export const list: FlagType<readonly string[]> = {
  absent: [],
  parse: (values) => values.flatMap((value) => value.split(",")).filter(Boolean),
};

/** `A=true,B=false`; a later one counts. */
export const toggles: FlagType<ReadonlyMap<string, boolean>> = {
  absent: new Map(),
  parse: (values) => new Map(values.flatMap((value) => value.split(",").filter(Boolean).map(parseToggle))),
};

function parseToggle(pair: string): [string, boolean] {
  const [name = "", value] = pair.split(/=(.*)/su);
  if (value === undefined) throw new TypeError(`malformed pair ${JSON.stringify(pair)}: want a form like Name=true`);
  return [name.trim(), parseBool(value.trim())];
}

function parseBool(value: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw new TypeError(`invalid boolean ${JSON.stringify(value)}: want true or false`);
}

function parseSeconds(value: string): number {
  const found = parseGoDuration(value) / 1000;
  if (found <= 0) throw new TypeError(`invalid duration ${JSON.stringify(value)}: want more than zero`);
  return found;
}

function parsePercentage(value: string): number {
  const found = /^\d{1,2}$/.test(value) ? Number(value) : NaN;
  if (Number.isNaN(found)) {
    throw new TypeError(`invalid percentage ${JSON.stringify(value)}: want a whole number below 100`);
  }
  return found;
}
