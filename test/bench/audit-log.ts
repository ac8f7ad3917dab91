/** Counts requests in an API server's audit log, user by user. */
import { closeSync, openSync, readSync } from "node:fs";

interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user?: { readonly username?: string };
}

export interface AuditLog {
  /** Requests since the last call that this log ends with, by user; each request counts once. */
  take(): ReadonlyMap<string, readonly string[]>;
}

/** Reads what was appended since, whole lines only. */
export function createAuditLog(path: string): AuditLog {
  let offset = 0;
  let rest = "";
  const seen = new Set<string>();
  const append = (): string => {
    const file = openSync(path, "r");
    const parts: Buffer[] = [];
    try {
      for (;;) {
        const chunk = Buffer.alloc(1 << 20);
        const length = readSync(file, chunk, 0, chunk.length, offset);
        if (length === 0) return Buffer.concat(parts).toString("utf8");
        offset += length;
        parts.push(chunk.subarray(0, length));
      }
    } finally {
      closeSync(file);
    }
  };
  return {
    take: () => {
      const lines = `${rest}${append()}`.split("\n");
      rest = lines.pop() ?? "";
      return countByUser(lines, seen);
    },
  };
}

/** A request that streams is told of when it begins and when it ends. */
export function countByUser(lines: readonly string[], seen: Set<string>): ReadonlyMap<string, readonly string[]> {
  const byUser = new Map<string, string[]>();
  for (const line of lines) {
    if (line === "") continue;
    const { auditID, verb, requestURI, user } = JSON.parse(line) as AuditEvent;
    if (seen.has(auditID)) continue;
    seen.add(auditID);
    const name = user?.username ?? "";
    const requests = byUser.get(name) ?? [];
    requests.push(`${verb} ${requestURI}`);
    byUser.set(name, requests);
  }
  return byUser;
}
