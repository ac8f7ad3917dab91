import { describe, expect, it } from "vitest";

import {
  mergeVariables,
  requireValidNames,
  type ReferenceContent,
  type VariableReference,
  valuesOfSecret,
} from "../../../shared/substitute/variables.ts";

const reference = (kind: "ConfigMap" | "Secret", content: ReferenceContent, optional = false): VariableReference => ({
  kind,
  name: "vars",
  optional,
  content,
});
const holding = (kind: "ConfigMap" | "Secret", values: Readonly<Record<string, string>>): VariableReference =>
  reference(kind, { kind: "values", values });

describe("mergeVariables", () => {
  it("lets the later reference win, and the inline value over all", () => {
    const { values } = mergeVariables(
      [holding("Secret", { a: "1", b: "1", c: "1" }), holding("ConfigMap", { b: "2", c: "2" })],
      { c: "3" },
    );

    expect(Object.fromEntries(values)).toEqual({ a: "1", b: "2", c: "3" });
  });

  it("removes line feeds and nothing else", () => {
    const { values } = mergeVariables([holding("ConfigMap", { a: " x\ny\r\n" })], { b: "\n1\n" });

    expect(Object.fromEntries(values)).toEqual({ a: " xy\r", b: "1" });
  });

  it("remembers what came from Secrets, overridden or not", () => {
    const { secretValues } = mergeVariables(
      [
        holding("Secret", { token: "old", pin: "1\n234", none: "" }),
        holding("Secret", { token: "s3cret" }),
        holding("ConfigMap", { pin: "0000", open: "x" }),
      ],
      { token: "inline" },
    );

    expect(secretValues).toEqual(["s3cret", "1234"]);
  });

  it("passes over an optional reference to nothing", () => {
    const merged = mergeVariables([reference("Secret", { kind: "absent" }, true), holding("ConfigMap", { a: "1" })]);

    expect(merged).toEqual({ values: new Map([["a", "1"]]), secretValues: [], failure: undefined });
  });

  it.each([
    ["ConfigMap", { kind: "absent" }, false, `substitute from 'ConfigMap/vars' error: configmaps "vars" not found`],
    ["Secret", { kind: "absent" }, false, `substitute from 'Secret/vars' error: secrets "vars" not found`],
    ["Secret", { kind: "unreadable", message: "forbidden" }, true, "substitute from 'Secret/vars' error: forbidden"],
  ] as const)("tells why a %s is missing: %j", (kind, content, optional, failure) => {
    expect(mergeVariables([reference(kind, content, optional)]).failure).toBe(failure);
  });
});

describe("valuesOfSecret", () => {
  it("decodes each value, keeping bytes that are not UTF-8", () => {
    expect(valuesOfSecret({ a: "w6k=", b: "Yf8=" })).toEqual({ a: "é", b: "a\udcff" });
  });
});

describe("requireValidNames", () => {
  it("accepts letters, digits and underscores", () => {
    expect(() => requireValidNames(new Map([["_A9", ""]]))).not.toThrow();
  });

  it.each(["tls.crt", "1a", "a-b", "", "é", "a\n"])("refuses %j", (name) => {
    expect(() =>
      requireValidNames(
        new Map([
          ["ok", ""],
          [name, ""],
        ]),
      ),
    ).toThrow(`'${name}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'`);
  });
});
