/**
 * Interprets the subset of DynamoDB's expressions that our updates use (SET with if_not_exists, + and -, ADD, REMOVE;
 * conditions with AND, OR, NOT, comparisons, attribute_exists and attribute_not_exists), for tables in memory.
 * Compared with a real implementation by a differential test.
 */
import { type Token, tokenize } from "../../shared/lease/expression-tokens.ts";
import type { Item, Update, Value } from "../../shared/lease/ports.ts";

type Values = Update["values"];
type Operand = (item: Item, values: Values) => Value | undefined;
type Condition = (item: Item, values: Values) => boolean;
type Action = (before: Item, after: Record<string, Value>, values: Values) => void;

interface Compiled<T> {
  readonly run: T;
  readonly placeholders: ReadonlySet<string>;
}

/**
 * The item after the update, or undefined when the condition refuses. Where there is no item (undefined) conditions
 * see no attribute at all, and the new one begins with its key.
 * @throws where DynamoDB answers ValidationException.
 */
export function applyUpdate(
  item: Item | undefined,
  { update, condition, values }: Update,
  key: Item = {},
): Item | undefined {
  const actions = compile(actionCache, update, parseActions);
  const test = condition === undefined ? undefined : compile(conditionCache, condition, parseCondition);
  requireExactly(values, actions.placeholders, test?.placeholders);
  if (test && !test.run(item ?? {}, values)) return undefined;
  const before = item ?? key;
  const after = { ...before };
  for (const action of actions.run) action(before, after, values);
  return after;
}

/** Whether a condition holds for an item (`{}` where there is none). */
export function meetsCondition(item: Item, condition: string, values: Values): boolean {
  const test = compile(conditionCache, condition, parseCondition);
  requireExactly(values, test.placeholders);
  return test.run(item, values);
}

const actionCache = new Map<string, Compiled<readonly Action[]>>();
const conditionCache = new Map<string, Compiled<Condition>>();

function compile<T>(cache: Map<string, Compiled<T>>, text: string, parse: (reader: Reader) => T): Compiled<T> {
  const known = cache.get(text);
  if (known) return known;
  const tokens = tokenize(text);
  const reader = createReader(text, tokens);
  const run = parse(reader);
  if (reader.peek()) throw reader.unexpected();
  const placeholders = new Set(tokens.filter((token) => token.kind === "value").map((token) => token.text as string));
  const compiled = { run, placeholders };
  cache.set(text, compiled);
  return compiled;
}

/** DynamoDB refuses a value that is missing and a value that is not used. */
function requireExactly(values: Values, ...used: (ReadonlySet<string> | undefined)[]): void {
  for (const name of Object.keys(values)) {
    if (!used.some((set) => set?.has(name))) throw new TypeError(`value ${name} is not used in the expressions`);
  }
  for (const set of used) {
    for (const name of set ?? []) if (!(name in values)) throw new TypeError(`value ${name} is not given`);
  }
}

interface Reader {
  peek(): Token | undefined;
  isWord(...words: readonly string[]): boolean;
  /** Takes the word if it is next. */
  accept(word: string): boolean;
  expect(word: string): void;
  name(): string;
  next(): Token;
  unexpected(): SyntaxError;
}

function createReader(text: string, tokens: readonly Token[]): Reader {
  let at = 0;
  const unexpected = () => new SyntaxError(`expression "${text}": unexpected ${tokens[at]?.text ?? "end"}`);
  const isWord = (...words: readonly string[]) => {
    const token = tokens[at];
    return token?.kind === "word" && words.includes(token.text);
  };
  const next = () => {
    const token = tokens[at];
    if (!token) throw unexpected();
    at++;
    return token;
  };
  const accept = (word: string) => {
    if (!isWord(word)) return false;
    at++;
    return true;
  };
  const expect = (word: string) => {
    if (!accept(word)) throw unexpected();
  };
  const name = () => {
    if (tokens[at]?.kind !== "name") throw unexpected();
    return next().text;
  };
  return { peek: () => tokens[at], isWord, accept, expect, name, next, unexpected };
}

function parseActions(reader: Reader): readonly Action[] {
  const actions: Action[] = [];
  const touched = new Set<string>();
  const target = () => {
    const name = reader.name();
    if (touched.has(name)) throw new SyntaxError(`two actions of one update touch ${name}`);
    touched.add(name);
    return name;
  };
  const list = (parseOne: () => Action) => {
    do actions.push(parseOne());
    while (reader.accept(","));
  };
  while (reader.peek()) {
    if (reader.accept("SET")) list(() => parseSet(reader, target()));
    else if (reader.accept("ADD")) list(() => parseAdd(reader, target()));
    else if (reader.accept("REMOVE")) list(() => parseRemove(target()));
    else throw reader.unexpected();
  }
  return actions;
}

function parseSet(reader: Reader, name: string): Action {
  reader.expect("=");
  const left = parseAssigned(reader);
  const sign = reader.accept("+") ? 1 : reader.accept("-") ? -1 : 0;
  if (sign === 0) {
    return (before, after, values) => {
      after[name] = required(left(before, values), name);
    };
  }
  const right = parseAssigned(reader);
  return (before, after, values) => {
    after[name] = asNumber(left(before, values), name) + sign * asNumber(right(before, values), name);
  };
}

/** An operand of SET: a name, a value, or if_not_exists of both. */
function parseAssigned(reader: Reader): Operand {
  if (!reader.accept("if_not_exists")) return parseOperand(reader);
  reader.expect("(");
  const name = reader.name();
  reader.expect(",");
  const fallback = parseAssigned(reader);
  reader.expect(")");
  return (item, values) => item[name] ?? fallback(item, values);
}

function parseAdd(reader: Reader, name: string): Action {
  const amount = parseOperand(reader);
  return (before, after, values) => {
    after[name] = asNumber(before[name] ?? 0, name) + asNumber(amount(before, values), name);
  };
}

function parseRemove(name: string): Action {
  return (_before, after) => {
    delete after[name];
  };
}

function parseCondition(reader: Reader): Condition {
  return parseChain(reader, "OR", parseAnd, (terms) => (item, values) => terms.some((term) => term(item, values)));
}

function parseAnd(reader: Reader): Condition {
  return parseChain(reader, "AND", parseNot, (terms) => (item, values) => terms.every((term) => term(item, values)));
}

function parseChain(
  reader: Reader,
  word: string,
  parseTerm: (reader: Reader) => Condition,
  join: (terms: readonly Condition[]) => Condition,
): Condition {
  const first = parseTerm(reader);
  if (!reader.isWord(word)) return first;
  const terms = [first];
  while (reader.accept(word)) terms.push(parseTerm(reader));
  return join(terms);
}

function parseNot(reader: Reader): Condition {
  if (reader.accept("NOT")) {
    const inner = parseNot(reader);
    return (item, values) => !inner(item, values);
  }
  if (reader.accept("(")) {
    const inner = parseCondition(reader);
    reader.expect(")");
    return inner;
  }
  if (reader.isWord("attribute_exists", "attribute_not_exists")) {
    const isWanted = reader.next().text === "attribute_exists";
    reader.expect("(");
    const name = reader.name();
    reader.expect(")");
    return (item) => (item[name] !== undefined) === isWanted;
  }
  return parseComparison(reader);
}

function parseComparison(reader: Reader): Condition {
  const left = parseOperand(reader);
  const compare = COMPARISONS[reader.next().text];
  if (!compare) throw reader.unexpected();
  const right = parseOperand(reader);
  return (item, values) => compare(left(item, values), right(item, values));
}

/**
 * A missing attribute is not equal to anything, and neither smaller nor greater. (dynalite calls `missing <> :v`
 * false; the protocol never asks that.) Values of two types have no order.
 */
const COMPARISONS: Readonly<Record<string, (a: Value | undefined, b: Value | undefined) => boolean>> = {
  "=": (a, b) => isEqual(a, b),
  "<>": (a, b) => !isEqual(a, b),
  "<": (a, b) => order(a, b) < 0,
  "<=": (a, b) => order(a, b) <= 0,
  ">": (a, b) => order(a, b) > 0,
  ">=": (a, b) => order(a, b) >= 0,
};

function isEqual(a: Value | undefined, b: Value | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/** NaN, which compares false with everything, where there is no order. Strings by their UTF-8 bytes. */
function order(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string")
    return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number.NaN;
}

function parseOperand(reader: Reader): Operand {
  const token = reader.next();
  const { kind, text } = token;
  if (kind === "value") return (_item, values) => values[text];
  if (kind === "name") return (item) => item[text];
  throw reader.unexpected();
}

function required(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new TypeError(`update of ${name} refers to an attribute that does not exist`);
  return value;
}

function asNumber(value: Value | undefined, name: string): number {
  if (typeof value !== "number") throw new TypeError(`update of ${name} counts with a value that is no number`);
  return value;
}
