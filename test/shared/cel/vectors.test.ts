import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { compileExpression, parseExpression } from "../../../shared/cel/expression.ts";
import { compileHealthExpressions, type HealthCheckExpr } from "../../../shared/health/expressions.ts";

interface Vector {
  readonly name: string;
  readonly expr: string;
  readonly options: { readonly compile?: boolean; readonly structVariables?: string[]; readonly outputType?: string };
  readonly data: Record<string, unknown>;
  readonly as: string;
  readonly expected?: unknown;
  readonly error?: string | null;
}

interface HealthVector {
  readonly name: string;
  readonly exprs: { readonly current?: string; readonly failed?: string; readonly inProgress?: string };
  readonly object: Record<string, unknown>;
  readonly expected?: { readonly status: string };
  readonly error?: string | null;
}

const vectors = JSON.parse(readFileSync(new URL("../../vectors/cel.json", import.meta.url), "utf8")) as {
  readonly expressions: readonly Vector[];
  readonly parse: readonly Vector[];
  readonly healthParse: readonly HealthVector[];
  readonly health: readonly HealthVector[];
};

const made = ({ options }: Vector, text: string) =>
  options.compile ? compileExpression(text, options.structVariables ?? []) : parseExpression(text);

/** Only booleans are evaluated here: another value is compared within the expression. JSON is CEL. */
const asBoolean = ({ expr, as, expected, options }: Vector) =>
  as === "boolean" && options.compile !== true
    ? { text: expr, expected }
    : { text: `(${expr}) == ${JSON.stringify(expected)}`, expected: true };

describe("Flux's expressions", () => {
  const valued = vectors.expressions.filter(({ error }) => error === undefined);
  const failing = vectors.expressions.filter(({ error, as }) => error !== undefined && as === "boolean");

  it.each(valued)("$name evaluates", (vector) => {
    const { text, expected } = asBoolean(vector);
    expect(made(vector, text).evaluateBoolean(vector.data)).toBe(expected);
  });

  it.each(failing)("$name fails", (vector) => {
    expect(() => made(vector, vector.expr).evaluateBoolean(vector.data)).toThrow(vector.error ?? "");
  });

  // Options that contradict each other cannot be given here, and a bool is always asked for where types are checked.
  const possible = vectors.parse.filter(({ options }) => options.compile === true || !("outputType" in options));

  it.each(possible.filter(({ options }) => !options.structVariables || options.compile === true))(
    "$name parses as in Flux",
    (vector) => {
      const act = () => made(vector, vector.expr);
      if (typeof vector.error === "string") expect(act).toThrow(vector.error.replace(" (in container '')", ""));
      else expect(act).not.toThrow();
    },
  );
});

describe("Flux's health expressions", () => {
  const entry = ({ exprs }: HealthVector): HealthCheckExpr => ({
    apiVersion: "example.com/v1",
    kind: "Thing",
    ...exprs,
    current: exprs.current ?? "",
  });

  it.each(vectors.healthParse)("$name compile as in Flux", async (vector) => {
    const act = compileHealthExpressions([entry(vector)]);
    if (typeof vector.error === "string") await expect(act).rejects.toThrow(vector.error);
    else await expect(act).resolves.toBeTypeOf("function");
  });

  it.each(vectors.health)("$name assess as in Flux", async (vector) => {
    const assess = await compileHealthExpressions([entry(vector)]);
    const object = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "a" }, ...vector.object };
    const health = assess(object);
    if (typeof vector.error === "string") {
      expect(health?.status).toBe("Unknown");
      expect(health?.message).toContain(vector.error);
    } else expect(health?.status).toBe(vector.expected?.status);
  });
});
