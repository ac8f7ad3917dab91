/** An answered request as a line of the API server's audit log (audit.k8s.io/v1, level Metadata). */
import { randomUUID } from "node:crypto";

import type { AuditEntry } from "./call.ts";
import { parseRoute } from "./route.ts";

/** @param now milliseconds since the epoch. Undefined for what leads to no resource. */
export function auditLine(entry: AuditEntry, now: number): string | undefined {
  const { user, groups = [], as, verb, url, code, agent = "", name = "" } = entry;
  const route = parseRoute(new URL(url, "https://sandbox").pathname);
  if (!route) return undefined;
  const at = new Date(now).toISOString().replace("Z", "000Z");
  return JSON.stringify({
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: randomUUID(),
    stage: "ResponseComplete",
    requestURI: url,
    verb,
    user: { username: user, groups },
    ...(as === undefined ? {} : { impersonatedUser: { username: as } }),
    sourceIPs: ["127.0.0.1"],
    userAgent: agent,
    objectRef: {
      resource: route.plural,
      ...(route.namespace === "" ? {} : { namespace: route.namespace }),
      name: route.name || name,
      ...(route.group === "" ? {} : { apiGroup: route.group }),
      apiVersion: route.version,
      ...(route.subresource === "" ? {} : { subresource: route.subresource }),
    },
    responseStatus: { metadata: {}, code },
    requestReceivedTimestamp: at,
    stageTimestamp: at,
  });
}
