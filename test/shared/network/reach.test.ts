import { describe, expect, it } from "vitest";

import { isWithin, lookupWithin, type Reach, requireWithin } from "../../../shared/network/reach.ts";

const publicAddresses = ["140.82.121.4", "1.1.1.1", "2606:4700::1111", "::ffff:140.82.121.4"];
const privateAddresses = ["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fd12:3456::1", "::ffff:10.0.0.1"];
const loopbackAddresses = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"];
const linkLocalAddresses = [
  ...["0.0.0.0", "169.254.169.254", "169.254.170.2", "::", "fe80::1", "fd00:ec2::254"],
  ...["::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe"],
];
const oddAddresses = ["224.0.0.1", "255.255.255.255", "::127.0.0.1"];

describe("isWithin", () => {
  it.each<[Reach, readonly string[], readonly string[]]>([
    ["internet", publicAddresses, [...privateAddresses, ...loopbackAddresses, ...linkLocalAddresses, ...oddAddresses]],
    ["network", [...publicAddresses, ...privateAddresses], [...loopbackAddresses, ...linkLocalAddresses]],
    ["machine", [...publicAddresses, ...privateAddresses, ...loopbackAddresses], linkLocalAddresses],
  ])("takes and refuses for %s", (reach, taken, refused) => {
    expect(taken.filter((address) => !isWithin(address, reach))).toEqual([]);
    expect([...refused, "localhost", ""].filter((address) => isWithin(address, reach))).toEqual([]);
  });
});

describe("requireWithin", () => {
  it("refuses an address in every form that a URL brings it to", () => {
    for (const url of ["http://2130706433/", "http://0x7f.1/", "http://[::ffff:7f00:1]/", "http://127.1/"])
      for (const reach of ["internet", "network"] as const)
        expect(() => requireWithin(new URL(url).hostname, reach)).toThrow(/: it is never connected to/);
  });

  it("leaves names to the lookup", () => {
    expect(() => requireWithin("localhost", "internet")).not.toThrow();
  });
});

describe("lookupWithin", () => {
  const lookUp = (reach: Reach) =>
    new Promise((resolve) =>
      lookupWithin(reach)("localhost", { all: true }, (error, found) => resolve(error?.message ?? found)),
    );

  it("refuses a name that resolves to this machine", async () => {
    expect(await lookUp("internet")).toContain("localhost is not on the public internet");
    expect(await lookUp("network")).toContain("localhost is a loopback or link-local address");
  });

  it("resolves it for an engine on this machine", async () => {
    expect(await lookUp("machine")).toEqual(
      expect.arrayContaining([expect.objectContaining({ address: "127.0.0.1" })]),
    );
  });
});
