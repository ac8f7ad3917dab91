/** The `Cluster` port over HTTP: paths, queries and content types of the Kubernetes API. */
import { type KubeObject, type ObjectRef, refOf } from "../api/kube-object.ts";
import type { Clock } from "../runtime/clock.ts";
import {
  type ApiResource,
  type Cluster,
  KubeError,
  type ListOptions,
  type ObjectList,
  type WatchEvent,
  type WatchOptions,
} from "./cluster.ts";
import { createDiscovery, type Discovery } from "./discovery.ts";
import { parseJson, printJson } from "./json.ts";
import { type Connection, createTransport, type KubeRequest, toError, type Transport } from "./transport.ts";

export interface OpenCluster extends Cluster {
  /** Ends the connections; also those of `as(…)`. */
  close(): Promise<void>;
}

/** @param clock of the pauses between attempts at one request */
export function createCluster(connection: Connection, clock?: Clock): OpenCluster {
  const transport = createTransport(connection, clock);
  return { ...clusterOver(transport, clock), close: () => transport.close() };
}

/** The same over any transport, which stays the caller's to close. */
export function clusterOver(transport: Transport, clock?: Clock): Cluster {
  const fetch = (path: string, accept: string) => transport.send({ method: "GET", path, accept, repeatable: true });
  return view(transport, createDiscovery(fetch, clock), undefined);
}

type Params = Readonly<Record<string, string | number | boolean | undefined>>;

function view(transport: Transport, discovery: Discovery, impersonate: string | undefined): Cluster {
  const send = (request: Omit<KubeRequest, "impersonate">) => transport.send({ ...request, impersonate });
  const path = async (ref: ObjectRef | Omit<ObjectRef, "name">, params: Params = {}, subresource?: string) => {
    const resource = await discovery.find(ref.apiVersion, ref.kind);
    return pathOf(resource, "name" in ref ? ref.name : undefined, ref.namespace, subresource) + query(params);
  };
  const patch = async (ref: ObjectRef, contentType: string, body: unknown, params: Params, options: PatchExtras) => {
    const target = await path(ref, params, options.subresource);
    const { signal, repeatable = false } = options;
    const answer = await send({
      method: "PATCH",
      path: target,
      contentType,
      body: printJson(body),
      signal,
      repeatable,
    });
    const written = asObject(answer);
    if (params.dryRun === undefined) noteDefinition(ref, "expect");
    return written;
  };
  const noteDefinition = ({ kind, name }: ObjectRef, effect: "expect" | "forget") => {
    if (kind === "CustomResourceDefinition") discovery[effect](name.slice(name.indexOf(".") + 1));
  };

  return {
    resource: (apiVersion, kind) => discovery.find(apiVersion, kind),
    async get(ref, signal) {
      try {
        return asObject(await send({ method: "GET", path: await path(ref), signal, repeatable: true }));
      } catch (error) {
        if (error instanceof KubeError && error.code === 404 && error.reason !== "NoMatch") return undefined;
        throw error;
      }
    },
    list: (apiVersion, kind, options = {}) => list(send, discovery, apiVersion, kind, options),
    async create(object, fieldManager, signal) {
      const { apiVersion, kind, metadata } = object;
      const target = await path({ apiVersion, kind, ...within(metadata.namespace) }, { fieldManager });
      const body = printJson(object);
      const answer = asObject(await send({ method: "POST", path: target, body, signal, repeatable: false }));
      noteDefinition(refOf(answer), "expect");
      return answer;
    },
    apply: (object, { fieldManager, force = false, dryRun = false, signal }) =>
      patch(
        refOf(object),
        "application/apply-patch+yaml",
        object,
        { fieldManager, force, dryRun: dryRun ? "All" : undefined },
        { signal, repeatable: true },
      ),
    mergePatch: (ref, body, { fieldManager, subresource, signal }) =>
      patch(ref, "application/merge-patch+json", body, { fieldManager }, { subresource, signal }),
    jsonPatch: (ref, operations, { fieldManager, subresource, signal }) =>
      patch(ref, "application/json-patch+json", operations, { fieldManager }, { subresource, signal }),
    async delete(ref, { uid, propagation = "Background", signal } = {}) {
      const body = printJson({
        apiVersion: "v1",
        kind: "DeleteOptions",
        propagationPolicy: propagation,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
      try {
        await send({ method: "DELETE", path: await path(ref), body, signal, repeatable: true });
        noteDefinition(ref, "forget");
        return "deleted";
      } catch (error) {
        if (error instanceof KubeError && error.code === 404) return "absent";
        throw error;
      }
    },
    watch: (apiVersion, kind, options) => watch(transport, discovery, impersonate, apiVersion, kind, options),
    document: (target, signal) => send({ method: "GET", path: target, signal, repeatable: true }),
    as: (user) => view(transport, discovery, user),
  };
}

interface PatchExtras {
  readonly subresource?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly repeatable?: boolean;
}

type Send = (request: Omit<KubeRequest, "impersonate">) => Promise<unknown>;

const metadataList = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const metadataEvent = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";

interface RawList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubeObject[];
}

async function list(
  send: Send,
  discovery: Discovery,
  apiVersion: string,
  kind: string,
  options: ListOptions,
): Promise<ObjectList> {
  const { namespace, labelSelector, fieldSelector, metadataOnly = false, limit, pageSize, signal } = options;
  const take = options.take ?? ((item: KubeObject) => item);
  const resource = await discovery.find(apiVersion, kind);
  const items: KubeObject[] = [];
  let token: string | undefined;
  for (;;) {
    const params = query({ labelSelector, fieldSelector, limit: limit ?? pageSize, continue: token });
    const page = (await send({
      method: "GET",
      path: pathOf(resource, undefined, namespace) + params,
      repeatable: true,
      signal,
      ...(metadataOnly ? { accept: metadataList } : {}),
    })) as RawList;
    // Members of a list carry neither, and metadata alone comes under a kind of its own.
    for (const item of page.items ?? []) items.push(take({ ...item, apiVersion, kind }, items.length));
    token = page.metadata?.continue || undefined;
    if (token === undefined || limit !== undefined)
      return { resourceVersion: page.metadata?.resourceVersion ?? "", items };
  }
}

async function* watch(
  transport: Transport,
  discovery: Discovery,
  impersonate: string | undefined,
  apiVersion: string,
  kind: string,
  options: WatchOptions,
): AsyncIterable<WatchEvent> {
  const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal, onOpen } = options;
  const resource = await discovery.find(apiVersion, kind);
  const params = query({ watch: true, labelSelector, fieldSelector, resourceVersion, timeoutSeconds });
  const path = pathOf(resource, undefined, namespace) + params;
  const accept = options.metadataOnly === true ? metadataEvent : "application/json";
  const request = { method: "GET", path, accept, impersonate, signal, repeatable: false } as const;
  try {
    for await (const line of transport.stream(request, onOpen)) {
      const event = parseJson(line) as { type: string; object: KubeObject & { code?: number } };
      // A resource version that is too old is told inside an answer of 200.
      if (event.type === "ERROR") throw toError(event.object.code ?? 500, JSON.stringify(event.object));
      yield { type: event.type as WatchEvent["type"], object: { ...event.object, apiVersion, kind } };
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

function pathOf(
  { group, version, plural, namespaced }: ApiResource,
  name?: string,
  namespace?: string,
  subresource?: string,
): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${plural}${object}${subresource === undefined ? "" : `/${subresource}`}`;
}

function query(params: Params): string {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

const within = (namespace: string | undefined) => (namespace ? { namespace } : {});

function asObject(value: unknown): KubeObject {
  const { metadata } = (value ?? {}) as { readonly metadata?: { readonly name?: unknown } };
  if (typeof metadata?.name === "string") return value as KubeObject;
  throw new KubeError(0, "Unreachable", "the API server answered something that is no Kubernetes object");
}
