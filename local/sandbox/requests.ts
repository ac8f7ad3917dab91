/** One request of the API: who asks, which verb on which resource, and the answer. HTTP itself is the server's. */
import type { Clock } from "../../shared/runtime/clock.ts";
import {
  aggregatedDiscovery,
  groupList,
  groupOf,
  openApiDocument,
  openApiIndex,
  resourceList,
  SERVER_VERSION,
} from "./discovery.ts";
import { objOf, textOf, type Obj } from "./json.ts";
import type { Objects } from "./objects.ts";
import type { Target } from "./write-rules.ts";
import { bodyOf, dryRun, patchTypeOf, writeOptions, type ApiRequest } from "./request-body.ts";
import { groupsOfUser, type Authorizer, type Identity } from "./rbac.ts";
import type { ReadTarget, Reads, View } from "./reads.ts";
import { REFUSED, type Registry, type Resource } from "./resources.ts";
import { answerReview, type ReviewPorts } from "./reviews.ts";
import { readScale, writtenScale } from "./scale.ts";
import * as failure from "./status-error.ts";

export interface ApiResponse {
  readonly status: number;
  readonly body?: Obj | string;
  readonly contentType?: string;
  readonly warnings?: readonly string[];
  readonly stream?: AsyncIterable<string>;
}

/** One answered request, for counting and for tests. */
export interface AuditEntry {
  readonly user: string;
  /** The impersonated user, when there is one. */
  readonly as: string | undefined;
  readonly verb: string;
  readonly url: string;
  readonly code: number;
}

export interface ApiPorts extends ReviewPorts {
  readonly registry: Registry;
  readonly objects: Objects;
  readonly reads: Reads;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly audit?: (entry: AuditEntry) => void;
}

/** Where a path leads. */
interface Route {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
}

interface Call {
  readonly ports: ApiPorts;
  readonly request: ApiRequest;
  readonly url: URL;
  readonly identity: Identity;
  readonly view: View;
}

/** kubectl asks for version 2 about kinds that version 3 does not know: a document that knows none either. */
const EMPTY_OPENAPI_V2 = "\n\u00032.0";

const NO_PAGE: ApiResponse = { status: 404, body: "404 page not found\n", contentType: "text/plain; charset=utf-8" };

export async function answer(ports: ApiPorts, request: ApiRequest): Promise<ApiResponse> {
  const url = new URL(request.url, "https://sandbox");
  const as = request.headers["impersonate-user"]?.[0];
  const route = parseRoute(url.pathname);
  const verb = verbOf(request.method, url, route);
  let response: ApiResponse;
  try {
    if (!request.identity) throw failure.unauthorized();
    const identity = impersonated(ports.authorizer, request.identity, request.headers);
    const call: Call = { ports, request, url, identity, view: viewOf(request.headers.accept?.join(",") ?? "") };
    response = route ? await answerResource(call, route, verb) : answerPath(call);
  } catch (error) {
    if (!(error instanceof failure.StatusError)) throw error;
    response = { status: error.code, body: error.status() };
  }
  ports.audit?.({ user: request.identity?.user ?? "", as, verb, url: request.url, code: response.status });
  return response;
}

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

function verbOf(method: string, url: URL, route: Route | undefined): string {
  if (!route) return method.toLowerCase();
  if (method === "GET" || method === "HEAD") return isWatch(url) ? "watch" : route.name ? "get" : "list";
  if (method === "POST") return "create";
  if (method === "PUT") return "update";
  if (method === "DELETE") return route.name ? "delete" : "deletecollection";
  return method.toLowerCase();
}

const isWatch = (url: URL): boolean => ["1", "true"].includes(url.searchParams.get("watch") ?? "");

function viewOf(accept: string): View {
  for (const one of accept.split(",").map((part) => part.trim())) {
    if (one.includes("protobuf")) continue;
    if (one.includes("as=Table")) return "table";
    if (one.includes("as=PartialObjectMetadata")) return "metadata";
    if (one.startsWith("application/json") || one.startsWith("*/*") || one === "" || one.startsWith("application/yaml"))
      return "object";
  }
  return "object";
}

/** @throws StatusError 403 when the login may not act as the other user. */
function impersonated(authorizer: Authorizer, identity: Identity, headers: ApiRequest["headers"]): Identity {
  const user = headers["impersonate-user"]?.[0];
  const groups = headers["impersonate-group"] ?? [];
  if (!user) return identity;
  const [, namespace = "", account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  const wanted = [
    account === undefined
      ? { resource: "users", name: user, namespace: "" }
      : { resource: "serviceaccounts", name: account, namespace },
  ];
  wanted.push(...groups.map((name) => ({ resource: "groups", name, namespace: "" })));
  for (const { resource, name, namespace: where } of wanted) {
    const refusal = authorizer.refusal(identity, { verb: "impersonate", group: "", resource, namespace: where, name });
    if (refusal) throw failure.forbidden({ group: "", plural: resource }, name, refusal);
  }
  return { user, groups: groups.length > 0 ? [...new Set([...groups, "system:authenticated"])] : groupsOfUser(user) };
}

function answerPath({ ports, url, identity, request }: Call): ApiResponse {
  const path = url.pathname.replace(/\/+$/, "") || "/";
  const refusal = ports.authorizer.refusal(identity, {
    verb: request.method.toLowerCase(),
    group: "",
    resource: "",
    namespace: "",
    name: "",
    path,
  });
  if (refusal) throw new failure.StatusError(403, "Forbidden", `forbidden: ${refusal}`, {});
  const { registry } = ports;
  if (["/readyz", "/healthz", "/livez"].includes(path))
    return { status: 200, body: "ok", contentType: "text/plain; charset=utf-8" };
  if (path === "/version") return { status: 200, body: { ...SERVER_VERSION } };
  if (path === "/api" || path === "/apis") return discovery(registry, path, request.headers.accept?.join(",") ?? "");
  if (path === "/openapi/v2")
    return {
      status: 200,
      body: EMPTY_OPENAPI_V2,
      contentType: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    };
  if (path === "/openapi/v3") return { status: 200, body: openApiIndex(registry) };
  const parts = path.split("/").slice(1);
  const found =
    parts[0] === "openapi" && parts[1] === "v3"
      ? openApiDocument(
          registry,
          parts[2] === "api" ? "" : (parts[3] ?? ""),
          parts[2] === "api" ? (parts[3] ?? "") : (parts[4] ?? ""),
        )
      : parts[0] === "api"
        ? resourceList(registry, "", parts[1] ?? "")
        : parts[0] === "apis" && parts.length === 2
          ? groupOf(registry, parts[1] ?? "")
          : parts[0] === "apis"
            ? resourceList(registry, parts[1] ?? "", parts[2] ?? "")
            : undefined;
  return found ? { status: 200, body: found } : NO_PAGE;
}

function discovery(registry: Registry, path: string, accept: string): ApiResponse {
  if (accept.includes("as=APIGroupDiscoveryList") && /v=v2(;|,|$)/.test(accept))
    return {
      status: 200,
      body: aggregatedDiscovery(registry, path === "/api"),
      contentType: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    };
  if (path === "/apis") return { status: 200, body: groupList(registry) };
  return {
    status: 200,
    body: {
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "" }],
    },
  };
}

async function answerResource(call: Call, route: Route, verb: string): Promise<ApiResponse> {
  const { ports, identity } = call;
  const name = route.plural === "namespaces" && !route.group ? route.name : "";
  const access = {
    verb,
    group: route.group,
    resource: route.subresource ? `${route.plural}/${route.subresource}` : route.plural,
    namespace: route.namespace || name,
    name: route.name,
  };
  const isReview = /^(authentication|authorization)\.k8s\.io$/.test(route.group);
  const isSelf = isReview && route.plural.startsWith("self");
  const refusal = isSelf ? undefined : ports.authorizer.refusal(identity, access);
  if (refusal) throw failure.forbidden({ group: route.group, plural: route.plural }, route.name, refusal);
  if (isReview && verb === "create")
    return { status: 201, body: await answerReview(ports, identity, route.plural, bodyOf(call.request)) };
  const what = REFUSED[route.group];
  const resource = ports.registry.find(route.group, route.version, route.plural);
  if (!resource) {
    if (what && verb !== "get" && verb !== "list" && verb !== "watch") throw failure.notEmulated(what);
    if (!resourceList(ports.registry, route.group, route.version)) return NO_PAGE;
    throw failure.noSuchPath();
  }
  if (route.subresource) return answerSubresource(call, resource, route, verb);
  const target: Target = { resource, namespace: route.namespace, name: route.name, subresource: "" };
  return answerVerb(call, target, verb);
}

async function answerSubresource(call: Call, resource: Resource, route: Route, verb: string): Promise<ApiResponse> {
  const target: Target = { resource, namespace: route.namespace, name: route.name, subresource: route.subresource };
  if (route.subresource === "status" && resource.hasStatus) return answerVerb(call, target, verb);
  if (route.subresource === "scale" && resource.scale) return answerScale(call, target, verb);
  if (!resource.custom) throw failure.notEmulated(`the subresource ${route.plural}/${route.subresource}`);
  throw failure.noSuchPath();
}

function answerScale(call: Call, target: Target, verb: string): ApiResponse {
  const { objects } = call.ports;
  const main = { ...target, subresource: "" };
  const old = objects.get(main);
  if (verb === "get") return { status: 200, body: readScale(target.resource, old) };
  if (verb !== "update" && verb !== "patch") throw failure.methodNotAllowed();
  const patch = writtenScale(target.resource, old, bodyOf(call.request), patchTypeOf(call.request), verb === "update");
  const written = objects.patch({ ...target, subresource: "scale" }, "merge", patch, writeOptions(call));
  return { status: 200, body: readScale(target.resource, written.object) };
}

function answerVerb(call: Call, target: Target, verb: string): ApiResponse {
  const { ports, url, view, request } = call;
  const { objects, reads } = ports;
  const read: ReadTarget = { resource: target.resource, namespace: target.namespace, view, query: url.searchParams };
  switch (verb) {
    case "get":
      return { status: 200, body: reads.form(read, objects.get(target)) };
    case "list":
      return { status: 200, body: reads.list(read) };
    case "watch": {
      const query = new URLSearchParams(url.searchParams);
      if (target.name) query.set("fieldSelector", `metadata.name=${target.name}`);
      return { status: 200, stream: reads.watch({ ...read, query }, request.signal) };
    }
    case "create":
      return written(read, reads, objects.create(target, objOf(bodyOf(request)), writeOptions(call)));
    case "update":
      return written(read, reads, objects.replace(target, objOf(bodyOf(request)), writeOptions(call)));
    case "patch":
      return written(read, reads, objects.patch(target, patchTypeOf(request), bodyOf(request), writeOptions(call)));
    case "delete":
      return removed(call, target);
    case "deletecollection": {
      const items = reads.selected(read);
      for (const item of items)
        removed(call, {
          ...target,
          namespace: textOf(objOf(item.metadata).namespace),
          name: textOf(objOf(item.metadata).name),
        });
      return { status: 200, body: reads.list(read) };
    }
    default:
      throw failure.methodNotAllowed();
  }
}

const written = (
  read: ReadTarget,
  reads: Reads,
  result: { object: Obj; created: boolean; warnings: readonly string[] },
): ApiResponse => ({
  status: result.created ? 201 : 200,
  body: reads.form(read, result.object),
  warnings: result.warnings,
});

function removed({ ports, url, request }: Call, target: Target): ApiResponse {
  const body = request.body.length > 0 ? objOf(bodyOf(request)) : {};
  const preconditions = objOf(body.preconditions);
  const propagation =
    textOf(body.propagationPolicy) ||
    url.searchParams.get("propagationPolicy") ||
    (body.orphanDependents === true ? "Orphan" : "");
  const { object, gone } = ports.objects.remove(target, {
    ...(typeof preconditions.uid === "string" ? { uid: preconditions.uid } : {}),
    ...(typeof preconditions.resourceVersion === "string" ? { resourceVersion: preconditions.resourceVersion } : {}),
    ...(propagation ? { propagation } : {}),
    dryRun: dryRun(url, "DeleteOptions", body.dryRun),
  });
  if (!gone) return { status: 200, body: object };
  const { group, plural } = target.resource;
  const details = {
    name: target.name,
    ...(group ? { group } : {}),
    kind: plural,
    uid: objOf(object.metadata).uid,
  };
  return { status: 200, body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details } };
}
