import { describe, expect, it } from "vitest";
import { pack } from "tar-stream";

import { readTar } from "../../../shared/render/read-tar.ts";

async function tarOf(
  entries: readonly { readonly name: string; readonly type?: "directory"; readonly text?: string }[],
) {
  const tar = pack();
  for (const { text = "", ...header } of entries) tar.entry(header, text);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe("readTar", () => {
  it("reads files and directories, with names of any length", async () => {
    const long = `${"directory/".repeat(30)}ä.yaml`;
    const entries = [
      { name: "a.yaml", text: "a" },
      { name: "d/", type: "directory" as const },
      { name: long, text: "x".repeat(600) },
    ];

    const read = [...readTar(await tarOf(entries))];

    expect(read.map(({ name, type, content }) => [name, type, content.length])).toEqual([
      ["a.yaml", "file", 1],
      ["d/", "directory", 0],
      [long, "file", 600],
    ]);
  });

  it("forgets a long name after its entry", async () => {
    const entries = [
      { name: "n".repeat(300), text: "1" },
      { name: "short", text: "2" },
    ];

    expect([...readTar(await tarOf(entries))].map(({ name }) => name.length)).toEqual([300, 5]);
  });

  it("refuses a cut archive and a damaged header", async () => {
    const tar = await tarOf([{ name: "a.yaml", text: "a".repeat(2000) }]);
    const damaged = Buffer.from(tar);
    damaged[3] = 0x7f;

    expect(() => [...readTar(tar.subarray(0, 1024))]).toThrow("unexpected EOF");
    expect(() => [...readTar(damaged)]).toThrow("invalid tar header at byte 0");
  });
});
