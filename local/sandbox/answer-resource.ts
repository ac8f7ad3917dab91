/** The verbs of a resource as requests: permission, the object verbs of `objects.ts` and `reads.ts`, the answer's status. */
import { type ApiResponse, type Call, NO_PAGE } from "./call.ts";
import { resourceList } from "./discovery.ts";
import { objOf, textOf, type Obj } from "./json.ts";
import type { ReadTarget, Reads } from "./reads.ts";
import { bodyOf, dryRun, patchTypeOf, writeOptions } from "./request-body.ts";
import { REFUSED, type Resource } from "./resources.ts";
import { answerReview } from "./reviews.ts";
import type { Route } from "./route.ts";
import { readScale, writtenScale } from "./scale.ts";
import * as failure from "./status-error.ts";
import type { Target } from "./write-rules.ts";

/** @throws StatusError as the API server refuses: 403, 404, 405, and those of the verb. */
export async function answerResource(call: Call, route: Route, verb: string): Promise<ApiResponse> {
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
