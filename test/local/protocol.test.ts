import { describe, expect, it } from "vitest";

import { escapeXml } from "../../local/aws/protocol.ts";

describe("escapeXml", () => {
  it("writes markup and control characters as references, and nothing else", () => {
    expect(escapeXml('<a b="c&d">\u0001\r\né~')).toBe("&lt;a b=&quot;c&amp;d&quot;&gt;&#x1;&#xd;&#xa;é~");
  });
});
