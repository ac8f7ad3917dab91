import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { textOfBytes } from "../../../shared/substitute/byte-text.ts";
import { substituteText } from "../../../shared/substitute/envsubst.ts";

interface TextCase {
  readonly name: string;
  readonly strict: boolean;
  readonly variables: Readonly<Record<string, string>>;
  readonly input: string;
  readonly expected?: string;
  readonly error?: true;
}

const published = (
  JSON.parse(readFileSync(new URL("../../vectors/envsubst.json", import.meta.url), "utf8")) as {
    readonly text: readonly TextCase[];
  }
).text;

const variables = new Map([
  ["a", "abcDEF"],
  ["empty", ""],
  ["path", "/usr/lib/x.tar.gz"],
  ["accent", "éàü"],
  ["greek", "ΑΣ"],
  ["rune", "ß"],
  ["dots", "İx"],
  ["below", "ᾀᾳ"],
  ["brackets", "[a]*"],
  ["two", "2"],
  ["three", "aaa"],
]);
const strictly = (text: string): string => substituteText(text, variables, { strict: true });
const leniently = (text: string): string => substituteText(text, variables, { strict: false });

describe("substituteText", () => {
  it.each(published)("gives Flux's answer: $name", ({ strict, variables: values, input, expected, error }) => {
    const substitute = () => substituteText(input, new Map(Object.entries(values)), { strict });

    if (error) expect(substitute).toThrow(/^variable not set \(strict mode\): "missing"$/);
    else expect(substitute()).toBe(expected);
  });

  it.each([
    ["leaves a dollar alone", "$a costs $5 $", "$a costs $5 $"],
    ["halves a doubled dollar", "$$ $${a} $$$${a} $$a", "$ ${a} $${a} $a"],
    ["keeps a variable after a doubled dollar and another", "$$${a}", "$abcDEF"],
    ["leaves backslashes outside alone", "\\${a}\\\\", "\\abcDEF\\\\"],
    ["takes a NUL for the end", "a\0${", "a"],
    ["counts bytes", "${#accent} ${#empty} ${#a}", "6 0 6"],
    ["maps case", "${a^} ${a^^} ${a,} ${a,,} ${accent^} ${accent^^}", "AbcDEF ABCDEF abcDEF abcdef Éàü ÉÀÜ"],
    ["maps one character to one", "${greek,,} ${rune^^} ${dots,,} ${below^^}", "ασ ß ix ᾈᾼ"],
    ["takes mixed case operators for none", "${a,^} ${a^,}", "abcDEF abcDEF"],
    ["gives a default for empty and unset", "${empty:-d} ${gone:=d} ${gone=d} ${a:-d}", "d d d abcDEF"],
    ["gives a default for what is an error or another value in Bash", "${gone:?d} ${gone:+d} ${a:+d}", "d d abcDEF"],
    ["joins literals and variables in a default", "${gone:-x${a}$y$${two}z}", "xabcDEF$y$2z"],
    ["nests defaults", "${gone:-${gone:-${gone:-deep}}}", "deep"],
    ["gives nothing without a default", "[${gone:-}]", "[]"],
    ["cuts by position", "${a:2} ${a:0:2} ${a:9} ${a:2:99} ${a:-2} ${a:${two}}", "cDEF ab  cDEF abcDEF cDEF"],
    ["counts a negative length from the end", "${a:1:-1} ${a:4:-3} ${a:0:-9}", "bcDE  "],
    ["counts a position with a sign from the end", "${a:0-2} ${a:+2}", "abcDEF abcDEF"],
    ["takes what is no number for no cut", "${a:x} ${a: -1} ${a:1:y} ${a:1_0}", "abcDEF abcDEF abcDEF abcDEF"],
    ["takes what is no 64-bit number for no cut", "${a:9223372036854775808}|${a:9223372036854775807}", "abcDEF|"],
    ["takes more than one colon for one", "${a:1:::2}", "bc"],
    ["joins what it cut inside a character", "${accent:0:1}${accent:1}", "éàü"],
    [
      "strips the shortest and the longest beginning",
      "${path#*/} ${path##*/} ${path#x}",
      "usr/lib/x.tar.gz x.tar.gz /usr/lib/x.tar.gz",
    ],
    ["strips the shortest and the longest end", "${path%.*} ${path%%.*}", "/usr/lib/x.tar /usr/lib/x"],
    [
      "reads classes and escapes in a pattern",
      "${a#[a-c]} ${a#[^b-z]} ${a#?b} ${brackets#\\[}",
      "bcDEF bcDEF cDEF a]*",
    ],
    ["matches no class backwards", "${a%[A-F]}", "abcDEF"],
    ["cuts nothing by a malformed pattern", "${a#[} ${a##a[} ${a%]} ${a#[]a]}", "abcDEF abcDEF abcDEF abcDEF"],
    ["notices a malformed pattern only where it is reached", "${three##x[} ${three#a*[}", "aaa aaa"],
    ["replaces the first and all", "${three/a/b} ${three//a/b} ${three//a/}|", "baa bbb |"],
    [
      "replaces at the beginning and at the end",
      "${three/#a/b} ${three/%a/b} ${three/#b/c} ${three/%b/c}",
      "baa aab aaa aaa",
    ],
    ["removes nothing at beginning or end without a replacement", "${three/#a/} ${three/%a/}", "aaa aaa"],
    ["replaces an empty text between characters", "${accent//${empty}/-} ${accent/${empty}/-}", "-é-à-ü- -éàü"],
    ["escapes slashes in patterns", "${path/\\/usr\\/lib/\\/opt} ${path//\\//:}", "/opt/x.tar.gz :usr:lib:x.tar.gz"],
    ["takes everything up to a slash for the pattern", "${a/}b{/x}", "abcDEF"],
    ["takes names of letters, digits and underscores", "${9} ${_x} ${é}|", "  |"],
  ])("%s", (_, text, expected) => {
    expect(leniently(text)).toBe(expected);
  });

  it.each([
    ["bad substitution", ["${#}", "${#a", "${a:", "${a:é}", "${a##x", "${a/x}", "${a^x}", "${#a:-1}", "${a#${a}x}"]],
    ["missing closing brace", ["${a", "${a-d}", "${a+d}", "${a?d}", "${a b}", "${a.b}", "${a@Q}", "${a!}"]],
    ["unable to parse variable name", ["${", "${}", "${ a}", "${.Values}", "${{ x }}", "${!a}", "${-x}"]],
    ["unable to parse substitution within function", ["${a:}", "${a#}", "${a:-x", "${a:1:}", "${a//", "${a/#/x}"]],
  ])("refuses with %s", (message, texts) => {
    for (const text of texts) {
      expect(() => strictly(text), text).toThrow(expect.objectContaining({ message, reason: "BuildFailed" }));
    }
  });

  it("names the variable that is not set", () => {
    expect(() => strictly("${a} ${gone^^}")).toThrow('variable not set (strict mode): "gone"');
  });

  it("wants the variables of a default even when it is not used", () => {
    expect(() => strictly("${a:-${gone}}")).toThrow('variable not set (strict mode): "gone"');
  });

  it("takes an empty value for set", () => {
    expect(strictly("[${empty}]")).toBe("[]");
  });

  it("gives back a text without variables as it is", () => {
    const text = "\ud800 é \\$";

    expect(strictly(text)).toBe(text);
  });

  it("keeps bytes that are not UTF-8, except where Go replaces them", () => {
    const values = new Map([["bin", textOfBytes(Uint8Array.of(0x61, 0xff, 0xc3))]]);

    expect(substituteText("é${bin}${#bin}", values, { strict: true })).toBe("éa\udcff\udcc33");
    expect(substituteText("${bin^^}${bin%x}", values, { strict: true })).toBe("A\ufffd\ufffda\ufffd\ufffd");
  });

  it("refuses to go deeper than the stack", () => {
    const deep = (levels: number): string => "${gone:-".repeat(levels) + "}".repeat(levels);

    expect(leniently(deep(500))).toBe("");
    expect(() => leniently(deep(501))).toThrow(/^bad substitution: nested deeper/);
    expect(() => leniently(deep(100_000))).toThrow(/^bad substitution: nested deeper/);
  });

  it("reads a large text once", () => {
    const text = 'name: "${a}" $$ \\\n'.repeat(50_000);

    expect(strictly(text)).toHaveLength(text.length + 50_000);
  });
});
