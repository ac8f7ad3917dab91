/**
 * Addresses that a kubeconfig from a repository may not lead to: the machine that the engine runs on, and the link-local
 * ones, where clouds answer with credentials. Names are judged by what they resolve to, when it is connected to.
 */
import { lookup as resolve, type LookupAddress, type LookupOptions } from "node:dns";
import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

const linkLocal = new BlockList();
linkLocal.addSubnet("0.0.0.0", 8, "ipv4");
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
linkLocal.addAddress("::", "ipv6");
linkLocal.addSubnet("fe80::", 10, "ipv6");
// Instance metadata over IPv6, and IPv4 behind NAT64.
linkLocal.addSubnet("fd00:ec2::", 32, "ipv6");
linkLocal.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");
linkLocal.addSubnet("64:ff9b::7f00:0", 104, "ipv6");

export interface AddressRules {
  /** For engines that run on somebody's machine, as their clusters do. */
  readonly allowLoopback: boolean;
}

/** @param host as in a URL; false for a name, which tells when it is resolved */
export function isRefusedHost(host: string, rules: AddressRules): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  return isIP(address) !== 0 && isRefusedAddress(address, rules);
}

function isRefusedAddress(address: string, { allowLoopback }: AddressRules): boolean {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  return linkLocal.check(address, family) || (!allowLoopback && loopback.check(address, family));
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** For `connect`: fails where a name resolves to any address that is refused. */
export const guardLookup =
  (rules: AddressRules) =>
  (host: string, options: LookupOptions, found: Found): void => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      const [first] = error ? [] : addresses;
      if (!first) found(error ?? codedError("ENOTFOUND", host), "");
      else if (addresses.some(({ address }) => isRefusedAddress(address, rules)))
        found(codedError("EADDRREFUSED", host), "");
      else if (options.all === true) found(null, addresses);
      else found(null, first.address, first.family);
    });
  };

function codedError(code: string, host: string): NodeJS.ErrnoException {
  const words = code === "EADDRREFUSED" ? "resolves to a loopback or link-local address" : "has no address";
  return Object.assign(new Error(`${host} ${words}`), { code });
}
