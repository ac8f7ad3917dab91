/**
 * How far an address that somebody else wrote down may lead: not to this machine, nor to its metadata service, whatever the
 * name. Names are judged by what they resolve to, at the moment of the connection.
 */
import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/**
 * - `internet`: public addresses only.
 * - `network`: private ones too, where a company has its Git servers and API servers.
 * - `machine`: loopback too, for an engine that runs on somebody's own machine.
 */
export type Reach = "internet" | "network" | "machine";

type Networks = readonly (readonly [network: string, prefix: number, family: "ipv4" | "ipv6"])[];

const loopback: Networks = [
  ["127.0.0.0", 8, "ipv4"],
  ["::1", 128, "ipv6"],
  ["64:ff9b::7f00:0", 104, "ipv6"],
];
/** Where clouds answer with credentials, and what only one link understands. */
const linkLocal: Networks = [
  ["0.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["::", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["fd00:ec2::", 32, "ipv6"],
  ["64:ff9b::a9fe:0", 112, "ipv6"],
];
const notPublic: Networks = [
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["224.0.0.0", 3, "ipv4"],
  ["::", 96, "ipv6"],
  ["64:ff9b::", 96, "ipv6"],
  ["64:ff9b:1::", 48, "ipv6"],
  ["100::", 64, "ipv6"],
  ["2001::", 23, "ipv6"],
  ["2002::", 16, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["fec0::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
];

const refused: Readonly<Record<Reach, BlockList>> = {
  internet: blockList([...linkLocal, ...loopback, ...notPublic]),
  network: blockList([...linkLocal, ...loopback]),
  machine: blockList(linkLocal),
};

function blockList(networks: Networks): BlockList {
  const list = new BlockList();
  for (const [network, prefix, family] of networks) list.addSubnet(network, prefix, family);
  return list;
}

/** A connection that was not made. */
export class OutOfReachError extends Error {
  override readonly name = "OutOfReachError";
  /** As the errors of a socket, which Node wraps by their code. */
  readonly code = "EADDRREFUSED";

  constructor(host: string, reach: Reach) {
    const why = reach === "internet" ? "is not on the public internet" : "is a loopback or link-local address";
    super(`${host} ${why}: it is never connected to`);
  }
}

/** @param address an IP address; an IPv4 address in the form of IPv6 counts as what it is */
export function isWithin(address: string, reach: Reach): boolean {
  const family = isIP(address);
  return family !== 0 && !refused[reach].check(address, family === 4 ? "ipv4" : "ipv6");
}

/** @param host as in a URL. An address is never looked up, so it is checked by itself. @throws OutOfReachError */
export function requireWithin(host: string, reach: Reach): void {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) !== 0 && !isWithin(address, reach)) throw new OutOfReachError(host, reach);
}

/** Resolves a name for a socket; one address out of reach among several is enough to refuse. */
export const lookupWithin =
  (reach: Reach): LookupFunction =>
  (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error: Error | null, addresses: LookupAddress[]) => {
      // What Node does not say: without an address there is an error, and without an error an address.
      const [first] = error ? [] : addresses;
      if (error || !first) callback(error ?? new Error(`no address of ${hostname}`), "", 0);
      else if (addresses.some(({ address }) => !isWithin(address, reach)))
        callback(new OutOfReachError(hostname, reach), "", 0);
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

/** The address that a name stands for, IPv4 first, for clients that take no lookup. @throws OutOfReachError, or as a socket */
export function addressWithin(host: string, reach: Reach): Promise<string> {
  return new Promise((resolve, reject) => {
    lookupWithin(reach)(host.replace(/^\[(.*)\]$/, "$1"), { all: true }, (error, found) => {
      const addresses = typeof found === "string" ? [] : found;
      const [first] = [...addresses].sort((a, b) => a.family - b.family);
      if (error || !first) reject(error ?? new Error(`no address of ${host}`));
      else resolve(first.address);
    });
  });
}
