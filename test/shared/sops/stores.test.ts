import { describe, expect, it } from "vitest";

import { readEncrypted } from "../../../shared/sops/decrypt-file.ts";
import { type Format, formatOfPath } from "../../../shared/sops/formats.ts";
import { SopsError } from "../../../shared/sops/sops-error.ts";
import { readStore, writeStore } from "../../../shared/sops/stores/store.ts";

const print = (text: string, format: Format): string =>
  Buffer.from(writeStore(readStore(Buffer.from(text), format).branches, format)).toString();

function failure(work: () => unknown): SopsError {
  try {
    work();
  } catch (error) {
    if (error instanceof SopsError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** What sops 3.13.3 prints for a text, made by sops' own stores. */
const printed: readonly (readonly [name: string, text: string, expected: string])[] = [
  ["lists deeper than four columns", "a:\n- b:\n  - c: 1\n- - d\n", "a:\n    - b:\n        - c: 1\n    - - d\n"],
  ["words that older readers take for booleans", 'a: "yes"\nn: 1\n', 'a: "yes"\n"n": 1\n'],
  [
    "texts that look like numbers",
    'a: "012"\nb: "1_0"\nc: "1:30"\nd: "0o7"\n',
    'a: "012"\nb: "1_0"\nc: "1:30"\nd: "0o7"\n',
  ],
  [
    "numbers as it understands them",
    "a: 0644\nb: 1e3\nc: 1234567.5\nd: 0x1f\ne: 1.0\n",
    "a: 420\nb: 1000\nc: 1.2345675e+06\nd: 31\ne: 1\n",
  ],
  ["times", "a: 2001-12-14 21:59:43.10\nb: 2002-1-2\n", "a: 2001-12-14T21:59:43.1Z\nb: 2002-01-02T00:00:00Z\n"],
  ["characters beyond U+FFFF", 'a: "\u{1F680}é"\n', 'a: "\\U0001F680é"\n'],
  ["spaces at an end", 'a: " b"\nb: "c "\n', "a: ' b'\nb: 'c '\n"],
  ["blocks that begin with a space", 'a: " b\\nc"\n', "a: |4-\n     b\n    c\n"],
  ["the merge key", '"<<": 1\n', "!!merge <<: 1\n"],
  ["comments at heads, lines and feet", "# a\n\nb: 1 # c\n# d\n", "# a\nb: 1 # c\n# d\n"],
  ["comments of an item before its dash", "a:\n- # b\n  c: 1\n", "a:\n    # b\n    - c: 1\n"],
  ["aliases in full", "a: &x {b: 1}\nc: *x\n", "a:\n    b: 1\nc:\n    b: 1\n"],
  ["keys of several lines", '"a\\nb": 1\n', "? |-\n    a\n    b\n: 1\n"],
];

describe("writeStore", () => {
  it.each(printed)("prints YAML as sops does: %s", (_, text, expected) => {
    expect(print(text, "yaml")).toBe(expected);
  });

  it("prints JSON as Go does", () => {
    const text = '{"8080":1,"a":"<&>\\u2028\\u00e9\\n","b":[],"c":{},"d":[1.50,1e21,9007199254740993,null,true]}';

    expect(print(text, "json")).toBe(
      '{\n\t"8080": 1,\n\t"a": "\\u003c\\u0026\\u003e\\u2028é\\n",\n\t"b": [],\n\t"c": {},\n' +
        '\t"d": [\n\t\t1.5,\n\t\t1e+21,\n\t\t9007199254740993,\n\t\tnull,\n\t\ttrue\n\t]\n}\n',
    );
  });

  it("prints INI in columns, with quotes where they are needed", () => {
    const text = 'a=1\n[long]\n; note\nlonger key = `x # y`\nb: "q" ; tail\n[empty]\n';

    expect(print(text, "ini")).toBe(
      "a = 1\n\n[long]\n; note\nlonger key = `x # y`\n; tail\nb          = q\n\n[empty]\n",
    );
  });

  it("reads and prints the odd corners of INI as sops does", () => {
    const text =
      'a = """multi\nline"""\nk"x = 1\nb`t = 2\nc= x ` y\n d=" lead"\n#c1\n;c2\ne = v\\\n  cont\n- = auto\n- = auto2\n' +
      "[DEFAULT]\nz=1\n[a]\nq=1\n[a]\nq=2\nq=3\n";

    expect(print(text, "ini")).toBe(
      'a         = """multi\nline"""\n`k"x`     = 1\n"""b`t""" = 2\nc         = """x ` y"""\nd         = " lead"\n' +
        "; c1\n; c2\ne         = vcont\n#1        = auto\n#2        = auto2\n\n" +
        "[DEFAULT]\nz = 1\n\n[a]\nq = 1\n\n[a]\nq = 3\n",
    );
  });

  it("prints dotenv without touching quotes and spaces", () => {
    const text = "# a\n\nB= 'c' \nD=1\\n2\n";

    expect(print(text, "dotenv")).toBe("# a\nB= 'c' \nD=1\\n2\n");
  });
});

describe("formatOfPath", () => {
  it.each([
    ["a.yaml", "yaml"],
    ["a.yml", "yaml"],
    ["a.json", "json"],
    [".dockerconfigjson", "json"],
    [".env", "dotenv"],
    ["a.ini", "ini"],
    ["token", "binary"],
  ])("takes %s for %s", (path, format) => {
    expect(formatOfPath(path)).toBe(format);
  });
});

const secret = "correct-horse-battery";

describe("readStore", () => {
  it.each<[string, string, Format, string]>([
    ["a duplicate key", `a: ${secret}\na: ${secret}\n`, "yaml", "line 2: the same key stands twice"],
    ["a duplicate key in flow style", `{a: ${secret}, a: 2}\n`, "yaml", "line 1: the same key stands twice"],
    ["a key that is no text", `a: 1\n8080: ${secret}\n`, "yaml", "line 2: a key is not a text"],
    ["broken YAML", `a: 1\nb: [${secret}\n`, "yaml", "it is not YAML"],
    ["a list at the top", `- ${secret}\n`, "yaml", "not a mapping"],
    ["an alias without anchor", `a: *${secret}\n`, "yaml", "line 1"],
    ["a number beyond 64 bits", "a: 18446744073709551615\n", "yaml", "does not fit 64 bits"],
    ["broken JSON", `{\n"a": "${secret}",\n"b": ${secret}}`, "json", "line 3: a value is expected"],
    ["JSON with an open text", `{"a": "${secret}`, "json", "line 1: a text does not end"],
    ["a list at the top of JSON", `["${secret}"]`, "json", "begins with an object"],
    ["a line without equals sign", `A=1\n${secret}\n`, "dotenv", "line 2: there is no equals sign"],
    ["an open section", `[${secret}\n`, "ini", "line 1: the name of a section"],
    ["an open quote", `a = """${secret}\n`, "ini", "a value in quotes does not end"],
  ])("refuses %s without printing it", (_, text, format, words) => {
    const error = failure(() => readStore(Buffer.from(text), format));

    expect(error.message).toContain(words);
    expect(error.message).not.toContain(secret);
  });

  it("stops an alias bomb", () => {
    const levels = Array.from({ length: 22 }, (_, at) => `l${at + 1}: &l${at + 1} [*l${at}, *l${at}]`);

    const error = failure(() => readStore(Buffer.from(`l0: &l0 [a, b]\n${levels.join("\n")}\n`), "yaml"));

    expect(error).toMatchObject({ code: "too-large" });
  });

  it.each<[string, Format, () => string]>([
    ["100,000 keys", "yaml", () => Array.from({ length: 100_000 }, (_, at) => `k${at}: v\n`).join("")],
    ["100,000 keys", "json", () => `{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":1`).join(",")}}`],
    ["100,000 keys", "dotenv", () => Array.from({ length: 100_000 }, (_, at) => `K${at}=v\n`).join("")],
    ["100,000 keys", "ini", () => Array.from({ length: 100_000 }, (_, at) => `k${at}=v\n`).join("")],
    ["a line of 5 MiB", "yaml", () => `a: ${"x".repeat(5_000_000)}\n`],
    ["a quoted line of 5 MiB", "yaml", () => `a: "${"x\\n".repeat(1_600_000)}"\n`],
    ["a line of 5 MiB", "json", () => `{"a": "${"x".repeat(5_000_000)}"}`],
    ["a quoted line of 5 MiB", "json", () => `{"a": "${"x\\n".repeat(1_600_000)}"}`],
    ["a line of 5 MiB", "ini", () => `a = ${"x".repeat(5_000_000)}\n`],
  ])("reads %s of %s within a second", (_, format, make) => {
    const bytes = Buffer.from(make());

    const used = process.cpuUsage();
    readStore(bytes, format);

    // Time of the processor, for the machine may be busy; with room for a slow one.
    expect(process.cpuUsage(used).user / 1000).toBeLessThan(2000);
  });

  it("refuses a megabyte of YAML in a form that sops does not print, for it would take seconds", () => {
    const text = `a: [${"x, ".repeat(400_000)}y]\n`;

    expect(failure(() => readStore(Buffer.from(text), "yaml"))).toMatchObject({ code: "too-large" });
  });
});

describe("readEncrypted", () => {
  const metadata = "  lastmodified: '2026-01-01T00:00:00Z'\n  mac: ''\n  version: 3.13.3\n";
  const age = "  age:\n    - recipient: age1\n      enc: x\n";
  const read = (text: string) => readEncrypted(Buffer.from(text), "yaml");

  it.each([
    ["no metadata", "a: 1\n", "it is not encrypted"],
    ["metadata that are a text", "a: 1\nsops: x\n", "not a mapping"],
    ["no keys", `sops:\n${metadata}`, "lists no keys"],
    ["two rules", `sops:\n${metadata}${age}  encrypted_suffix: a\n  encrypted_regex: b\n`, "at most one such rule"],
    ["a broken time", `sops:\n  lastmodified: yesterday\n${age}`, "sops.lastmodified"],
    ["a key without time", `sops:\n${metadata}  pgp:\n    - fp: A\n      enc: x\n`, "created_at"],
    ["keys that are no list", `sops:\n${metadata}  age: x\n`, "not a list of mappings"],
  ])("refuses a file with %s", (_, text, words) => {
    expect(failure(() => read(text)).message).toContain(words);
  });

  it("reads numbers, booleans and lists as loosely as sops", () => {
    const loose = `  shamir_threshold: '2'\n  mac_only_encrypted: 'true'\n  kms: null\n  pgp: []\n`;

    expect(read(`sops:\n${metadata}${age}${loose}`).metadata).toMatchObject({ threshold: 2, macOnlyEncrypted: true });
  });

  it("keeps the default suffix when no rule is set", () => {
    expect(read(`sops:\n${metadata}${age}`).metadata.selector).toEqual({
      rule: "unencrypted_suffix",
      pattern: "_unencrypted",
    });
  });

  it("refuses more than 5 MiB", () => {
    expect(failure(() => readEncrypted(Buffer.alloc(5 * 1024 * 1024 + 1), "binary"))).toMatchObject({
      code: "too-large",
    });
  });
});
