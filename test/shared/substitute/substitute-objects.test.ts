import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { isStrictByDefault, substituteObjects } from "../../../shared/substitute/substitute-objects.ts";
import { mergeVariables, type VariableReference } from "../../../shared/substitute/variables.ts";

interface PostBuildCase {
  readonly name: string;
  readonly built: string;
  readonly inline?: Readonly<Record<string, string>>;
  readonly configMap?: Readonly<Record<string, string>>;
  readonly secret?: Readonly<Record<string, string>>;
  readonly strict: boolean;
  readonly always: boolean;
  readonly expected?: string;
  readonly contains?: readonly string[];
  readonly error?: string;
}

const published = (
  JSON.parse(readFileSync(new URL("../../vectors/envsubst.json", import.meta.url), "utf8")) as {
    readonly postBuild: readonly PostBuildCase[];
  }
).postBuild;

const object = (name: string, value: string, metadata = ""): string =>
  `apiVersion: v1\ndata:\n  key: ${value}\nkind: ConfigMap\nmetadata:\n${metadata}  name: ${name}\n`;
const join = (...documents: readonly string[]): string => documents.join("---\n");
const disabled = (field: string, value = "disabled"): string =>
  `  ${field}:\n    kustomize.toolkit.fluxcd.io/substitute: ${value}\n`;

const inline = (values: Readonly<Record<string, string>>) => mergeVariables([], values);
const strict = { strict: true } as const;
/** What the object of `value` becomes with `v` set. */
const valueOf = (value: string, v: string): unknown => {
  const [parsed] = parseKubeYaml(substituteObjects(object("x", value), inline({ v }), strict));
  return (parsed as { data?: Record<string, unknown> } | undefined)?.data?.key;
};
const failureOf = (yaml: string, variables = inline({ v: "1" })): string => {
  try {
    substituteObjects(yaml, variables, strict);
  } catch (error) {
    expect(error).toMatchObject({ disposition: "retry", reason: "BuildFailed" });
    return (error as Error).message;
  }
  return "";
};

describe("substituteObjects with Flux's published cases", () => {
  it.each(published)("$name", ({ built, inline: values, configMap, secret, always, ...expected }) => {
    const references: VariableReference[] = [
      { kind: "ConfigMap", name: "vars", optional: false, content: { kind: "values", values: configMap ?? {} } },
      { kind: "Secret", name: "vars", optional: false, content: { kind: "values", values: secret ?? {} } },
    ];
    const strategy = always ? "Always" : "WithVariables";
    const substitute = () =>
      substituteObjects(built, mergeVariables(references, values), { strict: expected.strict, strategy });

    if (expected.error) {
      expect(substitute).toThrow(expected.error);
      return;
    }
    const output = substitute();
    if (expected.expected !== undefined) expect(sorted(output)).toEqual(sorted(expected.expected));
    for (const text of expected.contains ?? []) expect(output).toContain(text);
  });
});

const sorted = (yaml: string): readonly unknown[] =>
  [...parseKubeYaml(yaml)].sort((a, b) => a.kind.localeCompare(b.kind));

describe("substituteObjects", () => {
  it("replaces per document and leaves the others byte by byte", () => {
    const plain = object("b", '"on"\n  cost: $5\n  text: |\n    ---\n    x');

    expect(substituteObjects(join(object("a", "${v}"), plain, object("c", "x${v}")), inline({ v: "1" }), strict)).toBe(
      join(object("a", "1"), plain, object("c", "x1")),
    );
  });

  it.each(["labels", "annotations"])("leaves an object alone that opts out by its %s", (field) => {
    const yaml = join(object("a", "${", disabled(field)), object("b", "${v}"));

    expect(substituteObjects(yaml, inline({ v: "1" }), strict)).toBe(yaml.replace("${v}", "1"));
  });

  it("compares the toggle exactly", () => {
    const yaml = object("a", "${v}", disabled("labels", "Disabled"));

    expect(substituteObjects(yaml, inline({ v: "1" }), strict)).toContain("key: 1");
  });

  it("does not exempt the definition of Kustomization by its name", () => {
    const yaml = object("kustomizations.kustomize.toolkit.fluxcd.io", "${v}");

    expect(substituteObjects(yaml, inline({ v: "1" }), strict)).toContain("key: 1");
  });

  it("does nothing without variables, unless always", () => {
    const yaml = object("a", "${v:=1}$$");

    expect(substituteObjects(yaml, inline({}), strict)).toBe(yaml);
    expect(substituteObjects(yaml, inline({}), { strict: true, strategy: "Always" })).toContain("key: 1$\n");
  });

  it.each([
    ["${v}", "8080", 8080],
    ["${v}", "0644", 420],
    ["${v}", "on", true],
    ["${v}", "", null],
    ["${v}", '"8080"', "8080"],
    ['"${v}"', "8080", "8080"],
    ["${v}", "[1, 2]", [1, 2]],
    ["${v}", "x #y", "x"],
    ["${v}", "9007199254740993", 9007199254740992n],
    ["${v}", "12345678901234567890", 12345678901234567000n],
    ["${v}", "123456789012345678901", 123456789012345680000],
    ['"a${v}b"', "\r", "a b"],
    ['"a${v}b"', "x\u0085y", "ax yb"],
    ['"a: ${v}"', "x\r\r", "a: x\n"],
    ["'it''s ${v}'", "x\r", "it's x "],
    ["${v}", "x\r", "x"],
    ["|\n    ${v}\n    y", "x\r", "x\ny\n"],
    ["${v}", "12e4567", "12e4567"],
  ])("has %s read again with %j", (value, v, expected) => {
    expect(valueOf(value, v)).toEqual(expected);
  });

  it("keeps what stands before a separator that a carriage return made", () => {
    const output = substituteObjects(object("x", "${v}"), inline({ v: "y\r---\rz" }), strict);

    expect(output).toBe("apiVersion: v1\ndata:\n  key: y\n");
  });

  it.each([
    ["a: b", "line 3: mapping values are not allowed in this context"],
    ["@x", "line 3: found character that cannot start any token"],
    ["'x", "line 7: found unexpected end of stream"],
    ["\u0001", "control characters are not allowed"],
    ["{{ x }}", "invalid map key"],
    ["x\ry", "line 4: could not find expected ':'"],
    ["*x", "unknown anchor referenced"],
    ["\udcc3", "invalid trailing UTF-8 octet"],
    ["\udca9", "invalid leading UTF-8 octet"],
  ])("refuses what is no YAML with %j, without telling it", (v, words) => {
    expect(failureOf(join(object("a", "x"), object("x", "${v}")), inline({ v }))).toBe(
      `post build failed for 'ConfigMap.v1.[noGrp]/x': envsubst error: YAMLToJSON: yaml: ${words}`,
    );
  });

  it.each([
    ["{? : 1}", "unsupported map key of type: %!s(<nil>)"],
    ["-.inf", "json: unsupported value: -Inf"],
    [".nan", "json: unsupported value: NaN"],
  ])("refuses what is no JSON with %j", (v, words) => {
    expect(failureOf(object("x", "${v}"), inline({ v }))).toContain(`envsubst error: YAMLToJSON: ${words}`);
  });

  it("names the object and the variable that is not set", () => {
    const yaml = object("app", "${gone}").replace("v1", "apps/v1").replace("ConfigMap", "Deployment");

    expect(failureOf(join(object("a", "x"), yaml))).toBe(
      `post build failed for 'Deployment.v1.apps/app': envsubst error: variable substitution failed: ` +
        `variable not set (strict mode): "gone"`,
    );
  });

  it("names the object with its own name, not the substituted one", () => {
    expect(failureOf(object("${v}", "${gone}"))).toContain("post build failed for 'ConfigMap.v1.[noGrp]/${v}': ");
  });

  it("refuses an invalid name of a variable at the first object, used or not", () => {
    expect(failureOf(object("a", "x"), inline({ "tls.crt": "x" }))).toBe(
      "post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: 'tls.crt' var name is invalid, " +
        "must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'",
    );
  });

  it("tells a reference to nothing at the first object that does not opt out", () => {
    const variables = mergeVariables([{ kind: "Secret", name: "s", optional: false, content: { kind: "absent" } }]);
    const out = object("a", "x", disabled("labels"));

    expect(failureOf(out, variables)).toBe("");
    expect(failureOf(join(out, object("b", "x")), variables)).toBe(
      `post build failed for 'ConfigMap.v1.[noGrp]/b': substitute from 'Secret/s' error: secrets "s" not found`,
    );
  });

  it("refuses to give two objects one id", () => {
    const yaml = join(object("a-${v}", "1"), object("b", "1"), object("a-${w}", "1", "  namespace: default\n"));

    expect(failureOf(yaml, inline({ v: "1", w: "1" }))).toBe("in Replace: id matched 2 resources");
    expect(failureOf(yaml, inline({ v: "1", w: "2" }))).toBe("");
    expect(failureOf(object("${v}", "1") + "---\n" + object("b", "1"), inline({ v: "b" }))).toContain("matched 2");
  });

  it("renames in a chain", () => {
    expect(failureOf(join(object("${v}", "1"), object("${w}", "1")), inline({ v: "a", w: "b" }))).toBe("");
  });
});

describe("isStrictByDefault", () => {
  it("holds since 2.9", () => {
    expect((["2.8", "2.9", "2.10"] as const).map(isStrictByDefault)).toEqual([false, true, true]);
  });
});
