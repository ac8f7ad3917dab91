/**
 * The sandbox cluster without HTTP: requests go straight into its request answering function, as the administrator, and
 * its controllers live on a clock that the caller moves. For engines that run under a virtual clock.
 */
import { bootstrap } from "../../local/sandbox/bootstrap.ts";
import type { ApiPorts } from "../../local/sandbox/call.ts";
import { startControllers } from "../../local/sandbox/controllers.ts";
import { createObjects, type Objects } from "../../local/sandbox/objects.ts";
import { createAuthorizer, type Identity } from "../../local/sandbox/rbac.ts";
import { createReads } from "../../local/sandbox/reads.ts";
import { answer } from "../../local/sandbox/requests.ts";
import { createRegistry, type Registry } from "../../local/sandbox/resources.ts";
import { createStore, type Store } from "../../local/sandbox/store.ts";
import { type Cluster, KubeError } from "../../shared/kubernetes/cluster.ts";
import { clusterOver } from "../../shared/kubernetes/create-cluster.ts";
import { parseJson } from "../../shared/kubernetes/json.ts";
import { type KubeRequest, toError, type Transport } from "../../shared/kubernetes/transport.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

export interface SandboxCluster {
  /** Answers at once; its watches are refused, so that the engine asks again and again. */
  readonly transport: Transport;
  /** The administrator's view, without faults. */
  readonly cluster: Cluster;
  /** The view of somebody else, under RBAC and access policies. */
  readonly clusterAs: (identity: Identity) => Cluster;
  /** What is stored, for tests to look at and to meddle with. */
  readonly store: Store;
  readonly objects: Objects;
  readonly registry: Registry;
  stop(): void;
}

export interface SandboxClusterOptions {
  readonly clock: Clock;
  readonly readyAfterMs?: number;
  /** Events are answered and not kept: a long simulation writes tens of thousands of them. */
  readonly dropEvents?: boolean;
}

const administrator: Identity = { user: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] };

export function createSandboxCluster(options: SandboxClusterOptions): SandboxCluster {
  const { clock, readyAfterMs = 50, dropEvents = false } = options;
  const store = createStore();
  const registry = createRegistry(() => store.list("apiextensions.k8s.io/customresourcedefinitions"));
  const objects = createObjects({ store, clock });
  const reads = createReads({ store, objects, clock });
  const authorizer = createAuthorizer(store);
  const ports: ApiPorts = { registry, objects, reads, authorizer, clock, tokenOwner: async () => administrator };
  const life = new AbortController();
  bootstrap({ store, registry, objects });
  store.compact();
  startControllers({ store, registry, objects, clock, signal: life.signal, readyAfterMs });

  const transportOf = (identity: Identity): Transport => ({
    send: async (request) => {
      request.signal?.throwIfAborted();
      if (dropEvents && request.method === "POST" && /\/events(\?|$)/.test(request.path))
        return parseJson(request.body ?? "{}");
      return await respond(ports, request, identity, life.signal);
    },
    stream: () => {
      throw new KubeError(405, "MethodNotAllowed", "nobody watches in a simulation");
    },
    close: async () => undefined,
  });
  const transport = transportOf(administrator);
  return {
    transport,
    cluster: clusterOver(transport, clock),
    clusterAs: (identity) => clusterOver(transportOf(identity), clock),
    store,
    objects,
    registry,
    stop: () => life.abort(),
  };
}

/** Both bodies travel as text, as they do over HTTP: nobody shares an object with the store. */
async function respond(
  ports: ApiPorts,
  request: KubeRequest,
  identity: Identity,
  signal: AbortSignal,
): Promise<unknown> {
  const {
    method,
    path,
    body = "",
    contentType = "application/json",
    accept = "application/json",
    impersonate,
  } = request;
  const response = await answer(ports, {
    method,
    url: path,
    headers: {
      accept: [accept],
      "user-agent": ["driftless"],
      ...(body === "" ? {} : { "content-type": [contentType] }),
      ...(impersonate === undefined ? {} : { "impersonate-user": [impersonate] }),
    },
    body: Buffer.from(body),
    identity,
    signal,
  });
  const text = typeof response.body === "string" ? response.body : JSON.stringify(response.body ?? {});
  if (response.status >= 400) throw toError(response.status, text);
  return text === "" ? undefined : parseJson(text);
}
