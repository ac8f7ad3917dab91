/** Chooses the transport for a URL; the libraries behind it are loaded when first needed. */
import type { Reach } from "../../network/reach.ts";
import type { GitAccess } from "./credentials.ts";
import type { BoundedReach, GitTransport, TransportLimits } from "./transport.ts";
import type { GitUrl } from "./url.ts";

/** @param reach where Git servers may be */
export function openTransportWithin(reach: Reach): OpenTransport {
  return (url, access, limits) => openTransport(url, access, { ...limits, reach });
}

export type OpenTransport = (url: GitUrl, access: GitAccess, limits: TransportLimits) => Promise<GitTransport>;

async function openTransport(url: GitUrl, access: GitAccess, limits: BoundedReach): Promise<GitTransport> {
  if (access.kind === "ssh") {
    const { createSshTransport } = await import("./ssh-transport.ts");
    return createSshTransport(url, access, limits);
  }
  const { createHttpTransport } = await import("./http-transport.ts");
  return createHttpTransport(url, access, limits);
}
