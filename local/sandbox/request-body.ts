/** What a request carries: its body in any of the accepted forms, and the options of writes. */
import { parse as parseYaml } from "yaml";
import { decodeProtobuf } from "./protobuf.ts";
import type { Identity } from "./rbac.ts";
import * as failure from "./status-error.ts";
import type { PatchType, WriteOptions } from "./write-rules.ts";

export interface ApiRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** By lower-case name, every value. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
  /** Who logged in; undefined when the credentials are refused. */
  readonly identity: Identity | undefined;
  readonly signal: AbortSignal;
}

export function bodyOf(request: ApiRequest): unknown {
  const type = request.headers["content-type"]?.[0] ?? "";
  if (type.startsWith("application/vnd.kubernetes.protobuf")) return decodeProtobuf(request.body);
  const text = request.body.toString("utf8");
  const isYaml = type.includes("yaml");
  if (!isYaml && !/^application\/([\w.-]+\+)?json/.test(type) && type !== "") throw failure.unsupportedMedia();
  try {
    if (isYaml && !text.trimStart().startsWith("{")) return parseYaml(text, { version: "1.1" });
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw failure.badRequest(
      `the body of the request does not parse: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

export function patchTypeOf(request: ApiRequest): PatchType {
  const type = (request.headers["content-type"]?.[0] ?? "").split(";")[0]?.trim() ?? "";
  const known = PATCH_TYPES[type];
  if (known) return known;
  if (request.method !== "PATCH") return "merge";
  throw failure.unsupportedPatch(Object.keys(PATCH_TYPES));
}

export function dryRun(url: URL, kind: string, inBody: unknown): boolean {
  const asked = url.searchParams.getAll("dryRun").concat(Array.isArray(inBody) ? inBody.map(String) : []);
  const wrong = asked.filter((value) => value !== "All");
  if (wrong.length === 0) return asked.length > 0;
  throw failure.invalid(kind, "meta.k8s.io", "", [
    {
      type: "NotSupported",
      field: "dryRun",
      message: `Unsupported value: ${JSON.stringify(wrong)}: supported values: "All"`,
    },
  ]);
}

export function writeOptions({ url, request }: { readonly url: URL; readonly request: ApiRequest }): WriteOptions {
  const query = url.searchParams;
  const isApply = request.method === "PATCH" && patchTypeOf(request) === "apply";
  const kind =
    request.method === "PATCH" ? "PatchOptions" : request.method === "POST" ? "CreateOptions" : "UpdateOptions";
  const given = query.get("fieldManager") ?? "";
  if (isApply && !given)
    throw failure.invalid(kind, "meta.k8s.io", "", [
      { type: "Required", field: "fieldManager", message: "Required value: is required for apply patch" },
    ]);
  if (!isApply && query.has("force") && query.get("force") === "true" && request.method === "PATCH")
    throw failure.invalid(kind, "meta.k8s.io", "", [
      { type: "Forbidden", field: "force", message: "Forbidden: may not be specified for non-apply patch" },
    ]);
  const agent = request.headers["user-agent"]?.[0] ?? "";
  const validation = query.get("fieldValidation");
  return {
    fieldManager: given || (agent.split("/")[0] ?? "") || "unknown",
    dryRun: dryRun(url, kind, undefined),
    force: query.get("force") === "true",
    validation: validation === "Strict" || validation === "Ignore" ? validation : "Warn",
  };
}
