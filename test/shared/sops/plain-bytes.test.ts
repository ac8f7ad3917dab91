import { format, inspect } from "node:util";

import { describe, expect, it } from "vitest";

import { PlainBytes } from "../../../shared/sops/plain-bytes.ts";

describe("PlainBytes", () => {
  const plain = new PlainBytes(Buffer.from("correct-horse"));

  it("gives the bytes to who asks for them", () => {
    expect(Buffer.from(plain.reveal()).toString()).toBe("correct-horse");
  });

  it.each([
    ["a text", () => String(plain)],
    ["JSON", () => JSON.stringify({ plain })],
    ["inspect", () => inspect({ plain }, { showHidden: true, depth: 9 })],
    ["the console", () => format("%s %o %j", plain, plain, plain)],
    ["its fields", () => Object.entries(plain).join() + Object.getOwnPropertyNames(plain).join()],
  ])("keeps them out of %s", (_, print) => {
    expect(print()).not.toMatch(/correct-horse|Y29ycmVjd|99, ?111/);
  });
});
