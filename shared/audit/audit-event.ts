/**
 * One line of an API server's audit log as far as it tells who changed an object. The line is foreign: whoever may send
 * requests to the cluster has a hand in every field, so each is cut, and freed of what a terminal would obey.
 */
import { isRecord } from "../api/schema.ts";

/** Who did it. Of the person, never of an engine that acted in a person's name. */
export interface Actor {
  readonly user: string;
  /** ARN of the IAM identity, where EKS knows one. */
  readonly arn?: string;
  readonly groups: readonly string[];
  readonly sourceIPs: readonly string[];
  readonly userAgent: string;
}

export interface AuditedChange {
  readonly verb: "create" | "update" | "patch" | "delete" | "deletecollection";
  readonly group: string;
  /** Plural, as in the path. */
  readonly resource: string;
  readonly namespace: string;
  /** Empty for a whole collection, and for what was created without one. */
  readonly name: string;
  readonly actor: Actor;
  /** RFC 3339. */
  readonly at: string;
}

const verbs = ["create", "update", "patch", "delete", "deletecollection"] as const;
const longest = { name: 253, user: 256, agent: 200, list: 10 } as const;

/** Undefined for what is no event, for what changed nothing, and for parts of an object that no manifest holds. */
export function readAuditEvent(line: string): AuditedChange | undefined {
  const event = parse(line);
  if (event?.kind !== "Event" || event.stage !== "ResponseComplete") return undefined;
  const verb = verbs.find((each) => each === event.verb);
  const { objectRef, requestURI, responseStatus } = event;
  if (!verb || !isRecord(objectRef) || !succeeded(responseStatus)) return undefined;
  if (typeof requestURI === "string" && /[?&]dryRun=/.test(requestURI)) return undefined;
  const { subresource = "", apiGroup = "", resource, namespace = "", name = "" } = objectRef;
  if (subresource !== "" && subresource !== "scale") return undefined;
  if (typeof resource !== "string" || resource === "") return undefined;
  const actor = actorOf(event);
  if (!actor) return undefined;
  return {
    verb,
    group: clean(apiGroup, longest.name),
    resource: clean(resource, longest.name),
    // A namespace lies in itself, for the API server's log.
    namespace: apiGroup === "" && resource === "namespaces" ? "" : clean(namespace, longest.name),
    name: clean(name, longest.name),
    actor,
    at: timeOf(event),
  };
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An event without a status is one of an older server's; what it refused it says. */
const succeeded = (status: unknown): boolean =>
  !isRecord(status) || typeof status.code !== "number" || (status.code >= 200 && status.code < 300);

function actorOf({ user, sourceIPs, userAgent }: Readonly<Record<string, unknown>>): Actor | undefined {
  if (!isRecord(user)) return undefined;
  const { username, groups, extra } = user;
  const name = clean(username, longest.user);
  if (name === "") return undefined;
  const arn = isRecord(extra) ? cleanList(extra.arn ?? extra["authentication.kubernetes.io/arn"])[0] : undefined;
  return {
    user: name,
    ...(arn === undefined ? {} : { arn }),
    groups: cleanList(groups),
    sourceIPs: cleanList(sourceIPs),
    userAgent: clean(userAgent, longest.agent),
  };
}

function timeOf({ stageTimestamp, requestReceivedTimestamp }: Readonly<Record<string, unknown>>): string {
  const given = [requestReceivedTimestamp, stageTimestamp].find((each) => typeof each === "string");
  const at = typeof given === "string" ? Date.parse(given) : Number.NaN;
  return Number.isNaN(at) ? "" : `${new Date(at).toISOString().slice(0, 19)}Z`;
}

const cleanList = (value: unknown): readonly string[] =>
  Array.isArray(value)
    ? value
        .slice(0, longest.list)
        .map((each) => clean(each, longest.user))
        .filter(Boolean)
    : [];

/** Control characters and those that turn the direction of writing have no place in a name. */
const clean = (value: unknown, length: number): string =>
  typeof value === "string" ? value.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "").slice(0, length) : "";
