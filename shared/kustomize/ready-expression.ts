/** The readiness of a dependency by its `readyExpr`: a CEL expression over the whole objects `self` and `dep`. */
import type { KubeObject } from "../api/kube-object.ts";
import { terminalErrorPrefix } from "../health/expressions.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";

export interface ReadyQuestion {
  readonly readyExpr: string;
  /** The Kustomization that waits. */
  readonly self: KubeObject;
  /** The Kustomization that it waits for. */
  readonly dep: KubeObject;
}

/**
 * Whether the built-in check of readiness is still to be made: not for a dependency with an expression, unless the
 * gate AdditiveCELDependencyCheck is on.
 */
export const needsBuiltInCheck = (readyExpr: string | undefined, additive = false): boolean =>
  readyExpr === undefined || readyExpr === "" || additive;

/**
 * What keeps the dependency from being ready, in the words of kustomize-controller; undefined when the expression holds.
 * An expression that fails to evaluate, for a field that is not there yet, is such a reason too.
 * @throws ReconcileError stall InvalidCELExpression when it does not compile or is no bool
 */
export async function findUnreadyByExpression({ readyExpr, self, dep }: ReadyQuestion): Promise<string | undefined> {
  const expression = await compile(readyExpr, dep.metadata.name);
  try {
    if (expression.evaluateBoolean({ self: withStatus(self), dep: withStatus(dep) })) return undefined;
  } catch (error) {
    return messageOf(error);
  }
  const { namespace, name } = dep.metadata;
  return `dependency '${namespace ?? ""}/${name}' is not ready according to readyExpr eval`;
}

/** Flux evaluates its typed object, which has a status even where the stored one has none. */
const withStatus = (object: KubeObject): KubeObject => ({ ...object, status: object.status ?? {} });

/** The library of expressions is loaded here, for it is not small and few Kustomizations need it. */
async function compile(readyExpr: string, dependency: string) {
  const { compileExpression } = await import("../cel/expression.ts");
  try {
    return compileExpression(readyExpr, ["self", "dep"]);
  } catch (error) {
    throw new ReconcileError(
      "stall",
      "InvalidCELExpression",
      `${terminalErrorPrefix}: ${terminal(`failed to evaluate dependency ${dependency}: ${messageOf(error)}`)}`,
      { cause: error },
    );
  }
}

/** controller-runtime's wrapper around an error that is not to be tried again. */
const terminal = (message: string): string => `terminal error: ${message}`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
