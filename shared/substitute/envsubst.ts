/** Replaces `${name}` and its operators in a text, equal to Flux's envsubst; which text, is decided elsewhere. */
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { type ByteText, fromByteText, toByteText } from "./byte-text.ts";
import { applyOperator, toleratesUnset } from "./operators.ts";
import { type Expansion, parseTemplate, type TemplateNode } from "./parse-template.ts";

export interface SubstituteTextOptions {
  /** A variable that is not set and has no default is an error, instead of empty. */
  readonly strict: boolean;
}

/**
 * The text with its variables replaced. `$${name}` becomes `${name}`, `$name` stays. A byte that an operator cut out
 * of its character is given back as by `textOfBytes`.
 *
 * @throws ReconcileError BuildFailed with the words of Flux's library; of values it says nothing
 */
export function substituteText(
  text: string,
  variables: ReadonlyMap<string, string>,
  { strict }: SubstituteTextOptions,
): string {
  if (!text.includes("${") && !text.includes("$$") && !text.includes("\0")) return text;
  const scope: Scope = { variables, strict };
  return fromByteText(
    parseTemplate(toByteText(text))
      .map((node) => evaluate(node, scope))
      .join(""),
  );
}

interface Scope extends SubstituteTextOptions {
  readonly variables: ReadonlyMap<string, string>;
}

const evaluate = (node: TemplateNode, scope: Scope): ByteText =>
  typeof node === "string" ? node : expand(node, scope);

/** Operands come first: in strict mode a default must be computable even when it is not used. */
function expand({ variable, operator, operands }: Expansion, scope: Scope): ByteText {
  const values = operands.map((operand) => evaluate(operand, scope));
  const value = scope.variables.get(variable);
  if (value === undefined && scope.strict && !toleratesUnset(operator)) {
    throw new ReconcileError("retry", "BuildFailed", `variable not set (strict mode): "${variable}"`);
  }
  return applyOperator(operator, toByteText(value ?? ""), values);
}
