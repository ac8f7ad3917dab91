/** Resolves CloudFormation's intrinsic functions and conditions over one template's properties. */
import { type Json, isRecord, list, record, text } from "./json.ts";

/** Where the names in a template lead; each throws naming what it does not know. */
export interface Scope {
  /** Stack and template, for messages. */
  readonly stack: string;
  readonly ref: (logicalId: string) => unknown;
  readonly attribute: (logicalId: string, name: string) => unknown;
  readonly importValue: (exportName: string) => unknown;
  readonly stackOutput: (stackName: string, outputName: string) => unknown;
  readonly condition: (name: string) => boolean;
  readonly mapping: (map: string, first: string, second: string) => unknown;
}

const noValue = Symbol("AWS::NoValue");
/** What `Ref: AWS::NoValue` gives: the property is left out. */
export const absent: unknown = noValue;

/** @throws Error naming the function that is not resolved here. */
export function resolve(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope)).filter((item) => item !== noValue);
  if (!isRecord(value)) return value;
  const [name, argument, ...more] = Object.entries(value).flat();
  if (more.length === 0 && typeof name === "string" && isIntrinsic(name)) return call(name, argument, scope);
  const entries = Object.entries(value).map(([key, item]) => [key, resolve(item, scope)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== noValue));
}

const isIntrinsic = (name: string): boolean => name === "Ref" || name === "Condition" || name.startsWith("Fn::");

function call(name: string, argument: unknown, scope: Scope): unknown {
  const at = `${name} in stack ${scope.stack}`;
  // A key named Condition with anything but a name is an IAM condition block.
  if (name === "Condition") {
    return typeof argument === "string" ? scope.condition(argument) : { Condition: resolve(argument, scope) };
  }
  if (name === "Ref") return scope.ref(text(argument, at));
  if (name === "Fn::GetAtt") {
    const [logicalId, ...attribute] = typeof argument === "string" ? argument.split(".") : list(argument).map(String);
    return scope.attribute(logicalId ?? "", attribute.join("."));
  }
  if (name === "Fn::Sub") return substitute(argument, scope, at);
  if (name === "Fn::If") {
    const [condition, yes, no] = list(argument);
    return resolve(scope.condition(text(condition, at)) ? yes : no, scope);
  }
  return callResolved(name, resolve(argument, scope), scope, at);
}

function callResolved(name: string, argument: unknown, scope: Scope, at: string): unknown {
  const [first, second, third] = list(argument);
  switch (name) {
    case "Fn::Join":
      return list(second)
        .map((item) => text(item, at))
        .join(text(first, at));
    case "Fn::Split":
      return text(second, at).split(text(first, at));
    case "Fn::Select":
      return list(second)[Number(first)];
    case "Fn::FindInMap":
      return scope.mapping(text(first, at), text(second, at), text(third, at));
    case "Fn::ImportValue":
      return scope.importValue(text(argument, at));
    case "Fn::GetStackOutput": {
      const { StackName, OutputName } = record(argument, at);
      return scope.stackOutput(text(StackName, at), text(OutputName, at));
    }
    case "Fn::Base64":
      return Buffer.from(text(argument, at)).toString("base64");
    case "Fn::ToJsonString":
      return JSON.stringify(argument);
    case "Fn::Equals":
      return first === second;
    case "Fn::Not":
      return first !== true;
    case "Fn::And":
      return list(argument).every((item) => item === true);
    case "Fn::Or":
      return list(argument).some((item) => item === true);
    case "Fn::GetAZs":
      return ["a", "b", "c"].map((zone) => `${text(scope.ref("AWS::Region"), at)}${zone}`);
    default:
      throw new Error(`${at} is not resolved on this machine`);
  }
}

function substitute(argument: unknown, scope: Scope, at: string): string {
  const [template, given] = list(argument);
  const variables: Json = isRecord(given) ? given : {};
  return text(template, at).replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
    if (literal === "!") return `\${${name}}`;
    if (name in variables) return text(resolve(variables[name], scope), at);
    const [logicalId, ...attribute] = name.split(".");
    const value = attribute.length === 0 ? scope.ref(name) : scope.attribute(logicalId ?? "", attribute.join("."));
    return text(value, at);
  });
}
