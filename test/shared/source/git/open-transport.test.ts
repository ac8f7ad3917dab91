import { describe, expect, it } from "vitest";

import type { GitAccess } from "../../../../shared/source/git/credentials.ts";
import { openTransportWithin } from "../../../../shared/source/git/open-transport.ts";
import { parseGitUrl } from "../../../../shared/source/git/url.ts";

const http: GitAccess = { kind: "http" };
const ssh: GitAccess = { kind: "ssh", username: "git", identity: Buffer.from("key"), knownHosts: "" } as never;
const limits = { signal: AbortSignal.timeout(5_000), maxBytes: 1024 };

describe("openTransportWithin", () => {
  it.each([
    ["http://127.0.0.1:1/fleet.git", http],
    ["http://localhost:1/fleet.git", http],
    ["https://169.254.169.254/fleet.git", http],
    ["ssh://git@localhost:1/fleet.git", ssh],
    ["ssh://git@127.0.0.1:1/fleet.git", ssh],
  ])("connects to nothing on this machine or its link for %s", async (address, access) => {
    const url = parseGitUrl(address);
    if (!url) throw new Error(`${address} is no URL`);
    const transport = await openTransportWithin("network")(url, access, limits);

    await expect(transport.advertise()).rejects.toThrow(
      /is a loopback or link-local address: it is never connected to/,
    );
    await transport.close();
  });
});
