/** One request of the API: who asks, for a resource or another path, and the answer. HTTP itself is the server's. */
import { answerPath } from "./answer-path.ts";
import { answerResource } from "./answer-resource.ts";
import type { ApiPorts, ApiResponse, Call } from "./call.ts";
import { groupsOfUser, type Authorizer, type Identity } from "./rbac.ts";
import type { ApiRequest } from "./request-body.ts";
import { isRecord } from "../json.ts";
import { parseRoute, verbOf, viewOf } from "./route.ts";
import * as failure from "./status-error.ts";

/** Every refusal is an answer; it throws only for a defect of the sandbox. */
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
  ports.audit?.({ ...whoOf(request, response), as, verb, url: request.url, code: response.status });
  return response;
}

function whoOf({ identity, headers }: ApiRequest, { body }: ApiResponse) {
  const agent = headers["user-agent"]?.[0];
  const name = isRecord(body) && isRecord(body.metadata) ? body.metadata.name : undefined;
  return {
    user: identity?.user ?? "",
    groups: identity?.groups ?? [],
    ...(agent === undefined ? {} : { agent }),
    ...(typeof name === "string" ? { name } : {}),
  };
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
