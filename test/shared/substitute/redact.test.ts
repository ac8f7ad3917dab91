import { describe, expect, it } from "vitest";

import { redact } from "../../../shared/substitute/redact.ts";

describe("redact", () => {
  it.each([
    ["masks every occurrence", "a s3cret and s3cret", ["s3cret"], "a ***** and *****"],
    ["masks the longer value first", "abcdef", ["abc", "abcdef"], "*****"],
    ["takes the value literally", "x a.b+[c]$ axb", ["a.b+[c]$"], "x ***** axb"],
    ["takes dashes and slashes literally", "x a-b/c-]", ["a-b/c-"], "x *****]"],
    ["masks values outside of ASCII", "token 8h踙!", ["8h踙"], "token *****!"],
    ["passes over empty values", "text", [""], "text"],
    ["passes over values that are not UTF-8", "a\ufffd", ["a\udcff"], "a\ufffd"],
    ["masks a value of one character where it stands", "bac", ["a"], "b*****c"],
    ["does nothing without values", "text", [], "text"],
  ])("%s", (_, message, values, expected) => {
    expect(redact(message, values)).toBe(expected);
  });
});
