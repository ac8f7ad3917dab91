/**
 * Versions and ranges as Flux reads them: Masterminds' Go library, which is looser than the specification (`v` prefix,
 * missing parts, leading zeros) and has its own rules for wildcards and pre-releases.
 */

export interface Version {
  readonly numbers: readonly [major: bigint, minor: bigint, patch: bigint];
  /** Identifiers after the hyphen; empty for a release. */
  readonly pre: readonly string[];
  /** As it was written. */
  readonly original: string;
}

export interface Range {
  includes(version: Version): boolean;
}

const maxVersionLength = 256;
const maxRangeLength = 512;
const maxAlternatives = 32;
const loose =
  /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** Undefined for what is no version. Pre-releases have no numbers with leading zeros. */
export function parseVersion(text: string): Version | undefined {
  const match = text.length > maxVersionLength ? null : loose.exec(text);
  if (!match) return undefined;
  const [, major = "0", minor = "0", patch = "0", pre] = match;
  const identifiers = pre?.split(".") ?? [];
  if (identifiers.some((part) => /^0\d+$/.test(part))) return undefined;
  const numbers = [BigInt(major), BigInt(minor), BigInt(patch)] as const;
  if (numbers.some((number) => number > 0xffff_ffff_ffff_ffffn)) return undefined;
  return { numbers, pre: identifiers, original: text };
}

/** A tag's version: Flux wants all three parts (fluxcd/pkg version). */
export function parseTagVersion(tag: string): Version | undefined {
  return tag.split(".").length < 3 ? undefined : parseVersion(tag);
}

/** Negative, zero or positive; build metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  for (const index of [0, 1, 2] as const) {
    if (a.numbers[index] !== b.numbers[index]) return a.numbers[index] < b.numbers[index] ? -1 : 1;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return (b.pre.length > 0 ? 1 : 0) - (a.pre.length > 0 ? 1 : 0);
  return comparePre(a.pre, b.pre);
}

function comparePre(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const left = a[index];
    const right = b[index];
    if (left === right) continue;
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const leftNumber = /^\d+$/.test(left);
    const rightNumber = /^\d+$/.test(right);
    if (leftNumber !== rightNumber) return leftNumber ? -1 : 1;
    if (leftNumber) return BigInt(left) < BigInt(right) ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}

interface Constraint {
  readonly operator: string;
  readonly version: Version;
  /** How many parts are written out; a wildcard or an absent part ends them. */
  readonly parts: 0 | 1 | 2 | 3;
}

const operators = String.raw`(?:!=|>=|=>|<=|=<|~>|=|>|<|~|\^)?`;
const part = String.raw`[0-9xX*|]+`;
const suffix = String.raw`(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`;
const written = String.raw`v?${part}(?:\.${part})?(?:\.${part})?${suffix}`;
const hyphenRange = new RegExp(String.raw`\s*(${written})\s+-\s+(${written})\s*`, "g");
const oneConstraint = new RegExp(
  String.raw`^(${operators})\s*v?(${part})(?:\.(${part}))?(?:\.(${part}))?(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-.]+)?$`,
);
const constraintAtStart = new RegExp(String.raw`^\s*(${operators}\s*${written})`);

/** @throws Error with Masterminds' words for a range that cannot be read */
export function parseRange(text: string): Range {
  if (text.length > maxRangeLength) throw new Error(`constraint string is too long (max ${maxRangeLength} bytes)`);
  const alternatives = text.replace(hyphenRange, ">= $1, <= $2 ").split("||");
  if (alternatives.length > maxAlternatives) throw new Error(`too many constraint groups (max ${maxAlternatives})`);
  const groups = alternatives.map(parseGroup);
  return { includes: (version) => groups.some((group) => satisfies(version, group)) };
}

function parseGroup(text: string): readonly Constraint[] {
  const constraints: Constraint[] = [];
  const improper = () => new Error(`improper constraint: ${JSON.stringify(text)}`);
  for (let rest = text; ;) {
    const [whole, constraint] = constraintAtStart.exec(rest) ?? [];
    if (whole === undefined || constraint === undefined) throw improper();
    constraints.push(parseConstraint(constraint));
    const after = rest.slice(whole.length);
    if (after.trim() === "") return constraints;
    const [separator] = /^(?:\s+,|\s*,|\s+)\s*/.exec(after) ?? [];
    if (separator === undefined) throw improper();
    rest = after.slice(separator.length);
  }
}

function parseConstraint(text: string): Constraint {
  const [, operator = "", major = "", minor, patch, pre = ""] = oneConstraint.exec(text) ?? [];
  const isWild = (written: string | undefined) => written === undefined || /^[xX*]$/.test(written);
  const parts = isWild(major) ? 0 : isWild(minor) ? 1 : isWild(patch) ? 2 : 3;
  const numbers = [major, minor ?? "", patch ?? ""].map((number, index) => (index < parts ? number : "0"));
  const version = parseVersion(`${numbers.join(".")}${pre}`);
  if (!version) throw new Error("constraint parser error");
  return { operator, version, parts };
}

/** A pre-release is looked at only where one of the group's constraints names one. */
function satisfies(version: Version, group: readonly Constraint[]): boolean {
  if (version.pre.length > 0 && !group.some((constraint) => constraint.version.pre.length > 0)) return false;
  return group.every((constraint) => (rules[constraint.operator] ?? equal)(version, constraint));
}

type Rule = (version: Version, constraint: Constraint) => boolean;

const samePrefix = (a: Version, b: Version, parts: number): boolean =>
  a.numbers.slice(0, parts).every((number, index) => number === b.numbers[index]);

const atLeast: Rule = (version, constraint) => compareVersions(version, constraint.version) >= 0;

const tilde: Rule = (version, constraint) => {
  if (!atLeast(version, constraint)) return false;
  const everything = constraint.version.numbers.every((number) => number === 0n);
  if (everything && constraint.parts !== 1 && constraint.parts !== 2) return true;
  return samePrefix(version, constraint.version, constraint.parts === 1 ? 1 : 2);
};

const equal: Rule = (version, constraint) =>
  constraint.parts < 3 ? tilde(version, constraint) : compareVersions(version, constraint.version) === 0;

const notEqual: Rule = (version, { version: other, parts }) => {
  if (parts === 3) return compareVersions(version, other) !== 0;
  if (!samePrefix(version, other, parts === 0 ? 2 : parts)) return true;
  if (parts === 1) return false;
  if (parts === 0) return version.numbers[2] !== other.numbers[2] || compareVersions(version, other) !== 0;
  return (version.pre.length > 0 || other.pre.length > 0) && !sameText(version.pre, other.pre);
};

const greater: Rule = (version, { version: other, parts }) => {
  if (parts === 3 || parts === 0) return compareVersions(version, other) > 0;
  for (let index = 0; index < parts; index += 1) {
    const a = version.numbers[index] ?? 0n;
    const b = other.numbers[index] ?? 0n;
    if (a !== b) return a > b;
  }
  return false;
};

const less: Rule = (version, { version: other }) => compareVersions(version, other) < 0;

const atMost: Rule = (version, { version: other, parts }) => {
  if (parts === 3) return compareVersions(version, other) <= 0;
  const [major, minor] = version.numbers;
  if (major !== other.numbers[0]) return major < other.numbers[0];
  return parts === 1 || minor <= other.numbers[1];
};

const caret: Rule = (version, constraint) => {
  if (!atLeast(version, constraint)) return false;
  const [major, minor] = constraint.version.numbers;
  if (major > 0n || constraint.parts === 1) return version.numbers[0] === major;
  if (version.numbers[0] > 0n) return false;
  if (minor > 0n || constraint.parts === 2) return version.numbers[1] === minor;
  return version.numbers[1] === 0n && version.numbers[2] === constraint.version.numbers[2];
};

const rules: Readonly<Record<string, Rule>> = {
  "": equal,
  "=": equal,
  "!=": notEqual,
  ">": greater,
  "<": less,
  ">=": atLeast,
  "=>": atLeast,
  "<=": atMost,
  "=<": atMost,
  "~": tilde,
  "~>": tilde,
  "^": caret,
};

const sameText = (a: readonly string[], b: readonly string[]): boolean => a.join(".") === b.join(".");
