import { describe, expect, it } from "vitest";

import { isPublicAddress, lookupPublic, requirePublicHost } from "../../../shared/remote/public-address.ts";

describe("isPublicAddress", () => {
  it.each(["140.82.121.4", "1.1.1.1", "2606:4700::1111", "::ffff:140.82.121.4"])("takes %s", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1"],
    ...["169.254.169.254", "169.254.170.2", "224.0.0.1", "255.255.255.255"],
    ...[
      "::1",
      "::",
      "fd00:ec2::254",
      "fe80::1",
      "::ffff:127.0.0.1",
      "::ffff:a9fe:a9fe",
      "64:ff9b::7f00:1",
      "::127.0.0.1",
    ],
    ...["localhost", ""],
  ])("refuses %j", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe("requirePublicHost", () => {
  it("refuses an address in every form that a URL brings it to", () => {
    for (const url of ["http://2130706433/", "http://0x7f.1/", "http://[::ffff:7f00:1]/", "http://127.1/"])
      expect(() => requirePublicHost(new URL(url).hostname)).toThrow(/not on the public internet/);
  });

  it("leaves names to the lookup", () => {
    expect(() => requirePublicHost("localhost")).not.toThrow();
  });
});

describe("lookupPublic", () => {
  it("refuses a name that resolves to this machine", async () => {
    const error = await new Promise((resolve) => lookupPublic("localhost", { all: true }, resolve));
    expect(String(error)).toContain("localhost is not on the public internet");
  });
});
