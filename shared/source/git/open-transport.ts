/** Chooses the transport for a URL; the libraries behind it are loaded when first needed. */
import type { GitAccess } from "./credentials.ts";
import type { GitTransport, TransportLimits } from "./transport.ts";
import type { GitUrl } from "./url.ts";

export async function openTransport(url: GitUrl, access: GitAccess, limits: TransportLimits): Promise<GitTransport> {
  if (access.kind === "ssh") {
    const { createSshTransport } = await import("./ssh-transport.ts");
    return createSshTransport(url, access, limits);
  }
  const { createHttpTransport } = await import("./http-transport.ts");
  return createHttpTransport(url, access, limits);
}
