/** What a request asks for, read from its method, path and headers: the resource, the verb, the form of the answer. */
import type { View } from "./reads.ts";

/** Where a path leads. */
export interface Route {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
}

/** Undefined for a path that leads to no resource: discovery, health, OpenAPI. */
export function parseRoute(path: string): Route | undefined {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const core = parts[0] === "api";
  const rest = parts.slice(core ? 2 : 3);
  const [group, version] = core ? ["", parts[1]] : parts[0] === "apis" ? [parts[1], parts[2]] : [];
  if (group === undefined || version === undefined || rest.length === 0) return undefined;
  const [first = "", second = "", third, ...more] = rest;
  const inNamespace = first === "namespaces" && third !== undefined && !(third === "status" || third === "finalize");
  if (inNamespace)
    return {
      group,
      version,
      namespace: second,
      plural: third,
      name: more[0] ?? "",
      subresource: more.slice(1).join("/"),
    };
  return {
    group,
    version,
    namespace: "",
    plural: first,
    name: second,
    subresource: [third, ...more].filter(Boolean).join("/"),
  };
}

/** The verb of RBAC; the method in lower case where no resource is asked for. */
export function verbOf(method: string, url: URL, route: Route | undefined): string {
  if (!route) return method.toLowerCase();
  if (method === "GET" || method === "HEAD") return isWatch(url) ? "watch" : route.name ? "get" : "list";
  if (method === "POST") return "create";
  if (method === "PUT") return "update";
  if (method === "DELETE") return route.name ? "delete" : "deletecollection";
  return method.toLowerCase();
}

const isWatch = (url: URL): boolean => ["1", "true"].includes(url.searchParams.get("watch") ?? "");

/** From an `Accept` header; protobuf, which is not written here, is passed over. */
export function viewOf(accept: string): View {
  for (const one of accept.split(",").map((part) => part.trim())) {
    if (one.includes("protobuf")) continue;
    if (one.includes("as=Table")) return "table";
    if (one.includes("as=PartialObjectMetadata")) return "metadata";
    if (one.startsWith("application/json") || one.startsWith("*/*") || one === "" || one.startsWith("application/yaml"))
      return "object";
  }
  return "object";
}
