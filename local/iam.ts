/**
 * Evaluates IAM policies as AWS does: an explicit deny wins, then identity-based and resource-based allows, else no.
 * What it does not know (an operator, a policy variable) it refuses at load, so that no policy is silently ignored.
 */
import { type Json, list, optionalText, record, texts } from "./json.ts";

export interface Statement {
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  /** Only in resource-based and trust policies: AWS principals or services; `*` is everybody. */
  readonly principals: readonly string[] | undefined;
  readonly conditions: readonly Condition[];
  /** Statement id, for messages. */
  readonly sid: string | undefined;
}

export interface Condition {
  readonly operator: string;
  readonly ifExists: boolean;
  readonly quantifier: "any" | "all" | undefined;
  readonly key: string;
  readonly values: readonly string[];
}

/** Values of condition keys; names in lower case. */
export type Context = ReadonlyMap<string, readonly string[]>;

export interface AccessRequest {
  readonly action: string;
  readonly resource: string;
  /** ARN of the role (or session, service, root) that asks; all of them may be named in a policy. */
  readonly principals: readonly string[];
  readonly context: Context;
}

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly because: string };

/** @throws Error when the document uses something that is not evaluated here. */
export function parsePolicy(document: unknown, what: string): readonly Statement[] {
  return list(record(document, what).Statement).map((statement) => parseStatement(record(statement, what), what));
}

function parseStatement(statement: Json, what: string): Statement {
  const effect = statement.Effect;
  if (effect !== "Allow" && effect !== "Deny") throw new Error(`${what} has a statement without effect`);
  if (statement.NotPrincipal !== undefined) throw new Error(`${what} uses NotPrincipal, which is not evaluated here`);
  const parsed: Statement = {
    effect,
    actions: texts(statement.Action, `${what} action`),
    notActions: texts(statement.NotAction, `${what} action`),
    resources: texts(statement.Resource, `${what} resource`),
    notResources: texts(statement.NotResource, `${what} resource`),
    principals: parsePrincipals(statement.Principal, what),
    conditions: parseConditions(statement.Condition, what),
    sid: optionalText(statement.Sid, `${what} Sid`),
  };
  const variable = [...parsed.resources, ...parsed.notResources].find((resource) => resource.includes("${"));
  if (variable !== undefined)
    throw new Error(`${what} uses the policy variable ${variable}, which is not evaluated here`);
  return parsed;
}

function parsePrincipals(value: unknown, what: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return [value];
  return Object.values(record(value, `${what} principal`)).flatMap((names) => texts(names, `${what} principal`));
}

const operators = new Set([
  ...["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike", "StringNotLike"],
  ...["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Bool", "Null"],
  ...["NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"],
]);

function parseConditions(value: unknown, what: string): readonly Condition[] {
  if (value === undefined) return [];
  return Object.entries(record(value, `${what} condition`)).flatMap(([name, keys]) => {
    const [, quantifier, operator, ifExists] = /^(?:(ForAnyValue|ForAllValues):)?(.+?)(IfExists)?$/.exec(name) ?? [];
    if (operator === undefined || !operators.has(operator)) {
      throw new Error(`${what} uses the condition operator ${name}, which is not evaluated here`);
    }
    return Object.entries(record(keys, `${what} condition`)).map(([key, values]) => ({
      operator,
      ifExists: ifExists !== undefined,
      quantifier:
        quantifier === undefined ? undefined : quantifier === "ForAnyValue" ? ("any" as const) : ("all" as const),
      key: key.toLowerCase(),
      values: texts(values, `${what} condition ${key}`),
    }));
  });
}

export interface Policies {
  readonly identity: readonly Statement[];
  readonly resource: readonly Statement[];
  /** A permissions boundary: undefined when there is none. */
  readonly boundary?: readonly Statement[] | undefined;
  /**
   * A resource that never trusts its account by itself (a KMS key, a role): the identity's policies count only when the
   * resource's own policy names the account.
   */
  readonly delegated: boolean;
  /** Account of the resource's owner, whose root in a resource policy stands for "ask IAM". */
  readonly account: string;
}

export function evaluate(request: AccessRequest, policies: Policies): Decision {
  const { action } = request;
  const matching = (statements: readonly Statement[], effect: "Allow" | "Deny") =>
    statements.some((statement) => statement.effect === effect && matches(statement, request));
  const principal = (names: readonly string[]) =>
    policies.resource.filter((statement) => statement.principals?.some((name) => names.includes(name)) ?? false);
  const direct = principal([...request.principals, "*"]);
  const root = principal([
    policies.account,
    `arn:aws:iam::${policies.account}:root`,
    ...accountsOf(request.principals),
  ]);

  if (matching(policies.identity, "Deny")) return deny(`with an explicit deny in an identity-based policy`);
  if (matching([...direct, ...root], "Deny")) return deny(`with an explicit deny in a resource-based policy`);
  if (policies.boundary !== undefined && !matching(policies.boundary, "Allow")) {
    return deny(`because no permissions boundary allows the ${action} action`);
  }
  if (matching(direct, "Allow")) return { allowed: true };
  if (policies.delegated && !matching(root, "Allow")) {
    return deny(`because no resource-based policy allows the ${action} action`);
  }
  if (matching(policies.identity, "Allow")) return { allowed: true };
  return deny(`because no identity-based policy allows the ${action} action`);
}

const deny = (because: string): Decision => ({ allowed: false, because });

function accountsOf(principals: readonly string[]): readonly string[] {
  return principals.flatMap((arn) => {
    const account = arn.split(":")[4];
    return account === undefined || account === "" ? [] : [account, `arn:aws:iam::${account}:root`];
  });
}

function matches(statement: Statement, request: AccessRequest): boolean {
  const action = request.action.toLowerCase();
  const named = (patterns: readonly string[]) => patterns.some((pattern) => wildcard(pattern.toLowerCase(), action));
  const on = (patterns: readonly string[]) => patterns.some((pattern) => wildcard(pattern, request.resource));
  // IAM takes no statement without an action; an empty list must never stand for all of them.
  if (statement.actions.length + statement.notActions.length === 0) return false;
  if (statement.actions.length > 0 ? !named(statement.actions) : named(statement.notActions)) return false;
  if (statement.resources.length > 0 && !on(statement.resources)) return false;
  if (statement.notResources.length > 0 && on(statement.notResources)) return false;
  return statement.conditions.every((condition) => holds(condition, request.context));
}

function holds(condition: Condition, context: Context): boolean {
  const actual = context.get(condition.key);
  const { operator, values } = condition;
  if (operator === "Null") return values.every((value) => (value === "true") === (actual === undefined));
  if (actual === undefined) {
    return (
      condition.ifExists || condition.quantifier === "all" || (condition.quantifier === undefined && negated(operator))
    );
  }
  const one = (value: string) =>
    negated(operator)
      ? values.every((wanted) => compareValue(operator, wanted, value))
      : values.some((wanted) => compareValue(operator, wanted, value));
  return condition.quantifier === "all" ? actual.every(one) : actual.some(one);
}

const negated = (operator: string): boolean => operator.includes("Not");

function compareValue(operator: string, wanted: string, actual: string): boolean {
  switch (operator) {
    case "StringEquals":
      return wanted === actual;
    case "StringNotEquals":
      return wanted !== actual;
    case "StringEqualsIgnoreCase":
    case "Bool":
      return wanted.toLowerCase() === actual.toLowerCase();
    case "StringLike":
      return wildcard(wanted, actual);
    case "StringNotLike":
      return !wildcard(wanted, actual);
    // ArnEquals and ArnLike are the same operator, per the IAM reference.
    case "ArnEquals":
    case "ArnLike":
      return arnLike(wanted, actual);
    case "ArnNotEquals":
    case "ArnNotLike":
      return !arnLike(wanted, actual);
    case "NumericEquals":
      return Number(actual) === Number(wanted);
    case "NumericLessThan":
      return Number(actual) < Number(wanted);
    case "NumericLessThanEquals":
      return Number(actual) <= Number(wanted);
    case "NumericGreaterThan":
      return Number(actual) > Number(wanted);
    case "NumericGreaterThanEquals":
      return Number(actual) >= Number(wanted);
    default:
      return false;
  }
}

/** Each of an ARN's six parts is matched by itself, so that `*` never crosses a colon before the last part. */
function arnLike(wanted: string, actual: string): boolean {
  const split = (arn: string) => {
    const parts = arn.split(":");
    return [...parts.slice(0, 5), parts.slice(5).join(":")];
  };
  const given = split(actual);
  return split(wanted).every((part, index) => wildcard(part, given[index] ?? ""));
}

/** `*` is any text, `?` any one character. */
export function wildcard(pattern: string, value: string): boolean {
  if (pattern === "*" || pattern === value) return true;
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${expression}$`, "s").test(value);
}

/** Builds a context; values may be single. */
export function contextOf(values: Readonly<Record<string, string | readonly string[] | undefined>>): Context {
  return new Map(
    Object.entries(values)
      .filter((entry): entry is [string, string | readonly string[]] => entry[1] !== undefined)
      .map(([key, value]) => [key.toLowerCase(), typeof value === "string" ? [value] : value]),
  );
}
