import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseJson, printJson } from "../../../shared/kubernetes/json.ts";

describe("parseJson and printJson", () => {
  it.each([
    '{"a":9223372036854775807}',
    '{"a":-9223372036854775808,"b":[18446744073709551615, 1]}'.replace(" ", ""),
    '{"a":0.1234567890123456789}',
    '{"a":1e+30,"b":12345678901234567890.5}',
    '{"a":"1234567890123456789","b":null,"c":[true,false],"d":{}}',
    '{"f:metadata":{"k:{\\"name\\":\\"a\\"}":{".":{}}}}',
    "[9007199254740993]",
  ])("keep %s as it is", (text) => {
    expect(printJson(parseJson(text))).toBe(text);
  });

  it("keep every 64-bit integer wherever it stands", () => {
    const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(fc.array(integer), integer, (list, one) => {
        const text = `{"list":[${list.join(",")}],"one":${one}}`;
        expect(printJson(parseJson(text))).toBe(text);
        expect(printJson({ list, one })).toBe(text);
      }),
    );
  });

  it("keep ordinary numbers as numbers", () => {
    expect(parseJson('{"a":1,"b":2.5,"c":9007199254740993,"d":3}')).toMatchObject({ a: 1, b: 2.5, d: 3 });
  });

  it("print bigint as a number", () => {
    expect(printJson({ a: 9223372036854775807n, b: 1, c: undefined })).toBe('{"a":9223372036854775807,"b":1}');
  });

  it("keep a field named like the prototype", () => {
    expect(printJson(parseJson('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}');
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  it("refuses what is no JSON", () => {
    expect(() => parseJson('{"a":12345678901234567890')).toThrow(SyntaxError);
  });
});
