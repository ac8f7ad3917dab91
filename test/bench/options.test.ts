import { afterEach, describe, expect, it, vi } from "vitest";

import { parseBenchOptions } from "./options.ts";

const known = [
  { id: "B3", title: "one changed" },
  { id: "B4", title: "new objects" },
];

afterEach(() => vi.restoreAllMocks());

describe("parseBenchOptions", () => {
  it("runs everything, three times, when told nothing", () => {
    expect(parseBenchOptions([], known)).toEqual({
      benches: ["B3", "B4"],
      json: false,
      write: false,
      rounds: 3,
      sizes: [100, 300, 1000],
    });
  });

  it("takes benches in any order and case, each once, and runs them in their own order", () => {
    const options = parseBenchOptions(["B4", "b3", "B4", "--json", "--rounds", "5"], known);

    expect(options).toEqual({ benches: ["B3", "B4"], json: true, write: false, rounds: 5, sizes: [100, 300, 1000] });
  });

  it.each([
    ["an unknown bench", ["B99"], /there is no bench B99, only B3, B4/],
    ["no rounds", ["--rounds", "0"], /want a whole number above 0/],
    ["an unknown option", ["--fast"], /unknown option/],
  ])("refuses %s", (_, argv, message) => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);

    expect(() => parseBenchOptions(argv, known)).toThrow(message);
  });

  it("lists the benches in its help", () => {
    const printed: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => printed.push(String(text)) > 0);

    expect(() => parseBenchOptions(["--help"], known)).toThrow(expect.objectContaining({ exitCode: 0 }) as Error);
    expect(printed.join("")).toMatch(/B3 +one changed\n +B4 +new objects/);
  });
});
