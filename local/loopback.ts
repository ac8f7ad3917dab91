/** What the servers of this machine share: they listen on loopback only, keep their port when they can, and end at once. */
import { existsSync, readFileSync } from "node:fs";
import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { AddressInfo, Server } from "node:net";

/** Resolves with the port; 0 takes any. @throws Error of the system, e.g. EADDRINUSE. */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** Ends the open connections too; resolves also when the server does not listen. */
export const closeServer = (server: Pick<HttpServer, "close" | "closeAllConnections">): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

/** The port that an earlier run wrote into the file, for addresses that people or cluster objects keep; 0 when there is none. */
export const rememberedPort = (file: string): number => (existsSync(file) ? Number(readFileSync(file, "utf8")) : 0);

/** Names in lower case; several values of one name are joined, as AWS does. */
export const headersOf = (request: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(",") : (value ?? ""),
    ]),
  );
