/** Paths that lead to no resource: health, version, discovery, OpenAPI. */
import { type ApiResponse, type Call, NO_PAGE } from "./call.ts";
import {
  aggregatedDiscovery,
  groupList,
  groupOf,
  openApiDocument,
  openApiIndex,
  resourceList,
  SERVER_VERSION,
} from "./discovery.ts";
import type { Registry } from "./resources.ts";
import * as failure from "./status-error.ts";

/** kubectl asks for version 2 about kinds that version 3 does not know: a document that knows none either. */
const EMPTY_OPENAPI_V2 = "\n\u00032.0";

/** @throws StatusError 403 when the caller may not read the path. */
export function answerPath({ ports, url, identity, request }: Call): ApiResponse {
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
