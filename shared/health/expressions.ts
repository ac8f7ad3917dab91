/** Health by the expressions of a Kustomization (`spec.healthCheckExprs`), which replace the built-in rules of a kind. */
import { groupOf, type KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import type { Expression } from "../cel/expression.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import type { Health, HealthStatus } from "./result.ts";

export type HealthCheckExpr = NonNullable<Kustomization["spec"]["healthCheckExprs"]>[number];

/** Undefined for an object whose kind no expression names: the built-in rules apply to it. */
export type AssessByExpression = (object: KubeObject) => Health | undefined;

/** What Flux puts before an error that only a change of the spec can mend. */
export const terminalErrorPrefix = "Reconciliation failed terminally due to configuration error";

type Rules = readonly { readonly status: HealthStatus; readonly expression: Expression }[];

/**
 * An entry stands for its kind in its group, whatever the version; one without a kind for all other kinds of the group.
 * The library of expressions is loaded when there are any.
 * @throws ReconcileError stall InvalidCELExpression, in kustomize-controller's words
 */
export async function compileHealthExpressions(entries: readonly HealthCheckExpr[] = []): Promise<AssessByExpression> {
  if (entries.length === 0) return () => undefined;
  const { parseExpression } = await import("../cel/expression.ts");
  const rules = new Map<string, Rules>();
  for (const [position, entry] of entries.entries()) {
    const key = keyOf(entry.apiVersion, entry.kind ?? "");
    if (rules.has(key))
      throw refused(`duplicate custom health check for GroupKind ${key} at healthchecks[${position}]`);
    rules.set(key, compileRules(entry, position, parseExpression));
  }
  return (object) => {
    const found = rules.get(keyOf(object.apiVersion, object.kind)) ?? rules.get(keyOf(object.apiVersion, ""));
    return found && assess(object, found);
  };
}

/** As Go's GroupKind prints itself. */
function keyOf(apiVersion: string, kind: string): string {
  const group = apiVersion.split("/").length > 2 ? "" : groupOf(apiVersion);
  return group === "" ? kind : `${kind}.${group}`;
}

function compileRules(entry: HealthCheckExpr, position: number, parse: (text: string) => Expression): Rules {
  const failed = (why: string) =>
    refused(`failed to create custom status evaluator for healthchecks[${position}]: ${why}`);
  const compile = (field: string, status: HealthStatus, text: string | undefined): Rules => {
    if (text === undefined || text === "") return [];
    try {
      return [{ status, expression: parse(text) }];
    } catch (error) {
      throw failed(`failed to parse the expression ${field}: ${messageOf(error)}`);
    }
  };
  if (entry.current === "") throw failed("expression Current not specified");
  // Flux compiles in this order and evaluates in the reverse one.
  const current = compile("Current", "Current", entry.current);
  const fails = compile("Failed", "Failed", entry.failed);
  const progresses = compile("InProgress", "InProgress", entry.inProgress);
  return [...progresses, ...fails, ...current];
}

const refused = (why: string) => new ReconcileError("stall", "InvalidCELExpression", `${terminalErrorPrefix}: ${why}`);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An expression that fails makes the health Unknown, which Flux waits on until the timeout as on InProgress. */
function assess(object: KubeObject, rules: Rules): Health {
  if (isBehind(object)) return { status: "InProgress", message: "" };
  try {
    const rule = rules.find(({ expression }) => expression.evaluateBoolean(object));
    return { status: rule?.status ?? "InProgress", message: "" };
  } catch (error) {
    return { status: "Unknown", message: messageOf(error) };
  }
}

/** Only whole numbers count: some controllers write their generation as text. */
function isBehind({ metadata, status }: KubeObject): boolean {
  const observed = (status as { observedGeneration?: unknown } | null | undefined)?.observedGeneration;
  const { generation } = metadata;
  return Number.isInteger(observed) && Number.isInteger(generation) && observed !== generation;
}
