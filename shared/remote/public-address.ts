/**
 * Where a URL of somebody's repository may lead: to the internet, and not to this machine, its metadata service or a
 * network behind it. Names are judged by what they resolve to, at the moment of the connection.
 */
import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const notPublic = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  notPublic.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const)
  notPublic.addSubnet(network, prefix, "ipv6");

/** A connection that was not made. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";

  constructor(host: string) {
    super(`${host} is not on the public internet: fetching from private addresses is not allowed`);
  }
}

/** @param address an IP address; an IPv4 address in the form of IPv6 counts as what it is */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !notPublic.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** An address is never looked up, so it is checked by itself. @throws PrivateAddressError */
export function requirePublicHost(host: string): void {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) !== 0 && !isPublicAddress(address)) throw new PrivateAddressError(host);
}

/** Resolves a name for a socket; one private address among several is enough to refuse. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error: Error | null, addresses: LookupAddress[]) => {
    // What Node does not say: without an address there is an error, and without an error an address.
    const [first] = error ? [] : addresses;
    if (error || !first) callback(error ?? new Error(`no address of ${hostname}`), "", 0);
    else if (addresses.some(({ address }) => !isPublicAddress(address)))
      callback(new PrivateAddressError(hostname), "", 0);
    else if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
