/** What the functions of Flux's environment take and give, for the checker; one capital letter is a type variable. */
import { type Type, typeOf } from "./types.ts";

export interface Signature {
  readonly isMethod: boolean;
  /** The target of a method first. */
  readonly args: readonly Type[];
  readonly result: Type;
}

const comparable = ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"];
const numbers = ["int", "uint", "double"];

const comparison = [
  ...comparable.map((type) => `(${type}, ${type}) bool`),
  ...numbers.flatMap((left) => numbers.filter((right) => right !== left).map((right) => `(${left}, ${right}) bool`)),
];
const onNumbers = numbers.map((type) => `(${type}, ${type}) ${type}`);
const partOfTime = ["timestamp.() int", "timestamp.(string) int"];
const partOfTimeOrDuration = [...partOfTime, "duration.() int"];
const measured = ["string", "bytes", "list(A)", "map(A, B)"];
const conversion = (to: string, ...from: readonly string[]) => from.map((type) => `(${type}) ${to}`);
const sets = ["(list(A), list(A)) bool"];

/** `(args) result` for functions, `target.(args) result` for methods. */
const table: Readonly<Record<string, readonly string[]>> = {
  "_?_:_": ["(bool, A, A) A"],
  "_&&_": ["(bool, bool) bool"],
  "_||_": ["(bool, bool) bool"],
  "!_": ["(bool) bool"],
  "@not_strictly_false": ["(bool) bool"],
  "_==_": ["(A, A) bool"],
  "_!=_": ["(A, A) bool"],
  "_<_": comparison,
  "_<=_": comparison,
  "_>_": comparison,
  "_>=_": comparison,
  "_+_": [
    ...onNumbers,
    "(string, string) string",
    "(bytes, bytes) bytes",
    "(list(A), list(A)) list(A)",
    "(duration, duration) duration",
    "(timestamp, duration) timestamp",
    "(duration, timestamp) timestamp",
  ],
  "_-_": [
    ...onNumbers,
    "(duration, duration) duration",
    "(timestamp, duration) timestamp",
    "(timestamp, timestamp) duration",
  ],
  "_*_": onNumbers,
  "_/_": onNumbers,
  "_%_": ["(int, int) int", "(uint, uint) uint"],
  "-_": ["(int) int", "(double) double"],
  "@in": ["(A, list(A)) bool", "(A, map(A, B)) bool"],
  "_[_]": [
    "(list(A), int) A",
    "(map(A, B), A) B",
    "(optional_type(list(A)), int) optional_type(A)",
    "(optional_type(map(A, B)), A) optional_type(B)",
  ],
  "_[?_]": [
    "(list(A), int) optional_type(A)",
    "(map(A, B), A) optional_type(B)",
    "(optional_type(list(A)), int) optional_type(A)",
    "(optional_type(map(A, B)), A) optional_type(B)",
  ],
  size: measured.flatMap((type) => [`(${type}) int`, `${type}.() int`]),
  type: ["(A) type(A)"],
  dyn: ["(A) dyn"],
  int: conversion("int", "int", "uint", "double", "string", "timestamp", "duration"),
  uint: conversion("uint", "uint", "int", "double", "string"),
  double: conversion("double", "double", "int", "uint", "string"),
  bool: conversion("bool", "bool", "string"),
  bytes: conversion("bytes", "bytes", "string"),
  string: conversion("string", "string", "bool", "bytes", "double", "int", "uint", "timestamp", "duration"),
  timestamp: conversion("timestamp", "timestamp", "int", "string"),
  duration: conversion("duration", "duration", "int", "string"),
  matches: ["string.(string) bool", "(string, string) bool"],
  contains: ["string.(string) bool"],
  startsWith: ["string.(string) bool"],
  endsWith: ["string.(string) bool"],
  getFullYear: partOfTime,
  getMonth: partOfTime,
  getDayOfYear: partOfTime,
  getDayOfMonth: partOfTime,
  getDate: partOfTime,
  getDayOfWeek: partOfTime,
  getHours: partOfTimeOrDuration,
  getMinutes: partOfTimeOrDuration,
  getSeconds: partOfTimeOrDuration,
  getMilliseconds: partOfTimeOrDuration,
  charAt: ["string.(int) string"],
  format: ["string.(list(dyn)) string"],
  indexOf: ["string.(string) int", "string.(string, int) int"],
  lastIndexOf: ["string.(string) int", "string.(string, int) int"],
  join: ["list(string).() string", "list(string).(string) string"],
  lowerAscii: ["string.() string"],
  upperAscii: ["string.() string"],
  replace: ["string.(string, string) string", "string.(string, string, int) string"],
  reverse: ["string.() string"],
  split: ["string.(string) list(string)", "string.(string, int) list(string)"],
  substring: ["string.(int) string", "string.(int, int) string"],
  trim: ["string.() string"],
  "strings.quote": ["(string) string"],
  "sets.contains": sets,
  "sets.equivalent": sets,
  "sets.intersects": sets,
  "base64.encode": ["(bytes) string"],
  "base64.decode": ["(string) bytes"],
  "optional.of": ["(A) optional_type(A)"],
  "optional.ofNonZeroValue": ["(A) optional_type(A)"],
  "optional.none": ["() optional_type(A)"],
  hasValue: ["optional_type(A).() bool"],
  value: ["optional_type(A).() A"],
  or: ["optional_type(A).(optional_type(A)) optional_type(A)"],
  orValue: ["optional_type(A).(A) A"],
  first: ["list(A).() optional_type(A)"],
  last: ["list(A).() optional_type(A)"],
};

/** Undefined for a function that the environment does not have. */
export function signaturesOf(name: string): readonly Signature[] | undefined {
  return Object.hasOwn(table, name) ? table[name]?.map(parseSignature) : undefined;
}

function parseSignature(text: string): Signature {
  const words = [...text.matchAll(/\w+|[().]/g)].map(([word]) => word);
  const type = (): Type => {
    const name = words.shift() ?? "";
    return words[0] === "(" ? typeOf(name, ...types()) : typeOf(name);
  };
  const types = (): readonly Type[] => {
    const found: Type[] = [];
    words.shift();
    while (words[0] !== ")") found.push(type());
    words.shift();
    return found;
  };
  const isMethod = words[0] !== "(";
  const target = isMethod ? [type()] : [];
  if (isMethod) words.shift();
  return { isMethod, args: [...target, ...types()], result: type() };
}
