import { createServer } from "node:http";
import { describe, expect, it } from "vitest";

import { closeServer, listenOnLoopback } from "../../local/loopback.ts";

describe("listenOnLoopback", () => {
  it("resolves with the port, and refuses one that is taken", async () => {
    const [first, second] = [createServer(), createServer()];

    const port = await listenOnLoopback(first);

    await expect(listenOnLoopback(second, port)).rejects.toThrow("EADDRINUSE");
    await closeServer(first);
    expect(await listenOnLoopback(second, port)).toBe(port);
    await closeServer(second);
  });
});

describe("closeServer", () => {
  it("resolves for a server that does not listen", async () => {
    await expect(closeServer(createServer())).resolves.toBeUndefined();
  });
});
