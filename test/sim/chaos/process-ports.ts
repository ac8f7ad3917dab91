/** The ports of one worker's process: each call may be late, repeated, refused or the process' last. */
import { createHash } from "node:crypto";

import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { memorySpokes } from "../../fakes/spokes.ts";
import { clusterOver } from "../../../shared/kubernetes/create-cluster.ts";
import type { KubeRequest, Transport } from "../../../shared/kubernetes/transport.ts";
import type { Build, BuildRequest, Renderer } from "../../../shared/kustomize/ports.ts";
import type { Queues } from "../../../shared/lease/ports.ts";
import { trigger } from "../../../shared/lease/trigger.ts";
import { createCachedRenderer } from "../../../shared/render/cached-renderer.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { ReconcileError } from "../../../shared/runtime/reconcile-error.ts";
import { GitError, type GitTransport } from "../../../shared/source/git/transport.ts";
import type { EngineWorld } from "../../engine/in-process.ts";
import type { MemoryBlobs } from "../../engine/memory-blobs.ts";
import type { SandboxCluster } from "../../engine/sandbox-cluster.ts";
import type { MemoryTable } from "../../fakes/memory-table.ts";
import type { PortOptions, SimProcess, Simulation } from "../kernel.ts";
import type { MemoryRepository } from "./git.ts";
import type { Slots } from "./slots.ts";
import type { Weather } from "./weather.ts";

export interface Surroundings {
  readonly simulation: Simulation;
  readonly weather: Weather;
  readonly worldClock: Clock;
  readonly table: MemoryTable;
  readonly queues: Queues;
  readonly blobs: MemoryBlobs;
  readonly repository: MemoryRepository;
  readonly clusters: ReadonlyMap<string, SandboxCluster>;
  readonly slots: Slots;
  readonly newId: () => string;
  readonly log: Log;
}

type ProcessPorts = Omit<EngineWorld, "engine" | "clusters">;

const longestFreezeMs = 120_000;
/** So much likelier than after other calls. */
const afterWrite = 4;

export function createProcessPorts(process: SimProcess, around: Surroundings): ProcessPorts {
  const port = freezable(process, around);
  const { table, queues, blobs, clusters, newId, log } = around;
  const { clock } = process;
  const hold = createHold(process);
  const own = {
    table: port("table", table, { direct: ["items", "itemAt"], error: () => new Error("the table is throttled") }),
    queues: port("queues", { send: queues.send }),
    clock,
    newId,
  };
  const bucket = port("blobs", { ...blobs }, { direct: ["content", "presignGet", "presignPut"] });
  const inner = port("render", createMemoryRenderer(around), { repeated: [] });
  return {
    ...own,
    blobs: hold.endsWith(bucket),
    renderer: createCachedRenderer({
      builder: inner,
      blobs: bucket,
      remoteBases: { resolve: async ({ url }) => Promise.reject(new TypeError(`no remote base ${url}`)) },
      trigger: async (key, why) => {
        await trigger(own, key, { why });
      },
    }),
    openGit: async () => openGit(port, around.repository, hold),
    spokes: () => memorySpokes(),
    openCluster: async (name) => {
      const found = clusters.get(name);
      if (!found) throw new TypeError(`no cluster ${name}`);
      const transport = diesOfWrites(found.transport, process, around);
      return clusterOver(createFaultyTransport(name, transport, port, around), clock);
    },
    log,
  };
}

type Port = SimProcess["port"];

/** A frozen process neither calls nor hears answers; what it decided before, it does when it thaws. */
function freezable(process: SimProcess, { simulation, weather }: Surroundings): Port {
  let frozenUntil = 0;
  const thaw = async () => {
    if (!process.isSpared && simulation.random.chance(weather.freeze))
      frozenUntil = simulation.now() + simulation.random.integer(1_000, longestFreezeMs);
    while (simulation.now() < frozenUntil) await process.clock.sleep(frozenUntil - simulation.now());
  };
  return <T extends object>(name: string, target: T, options: PortOptions = {}): T => {
    const inner = process.port(name, target, options);
    return new Proxy(inner, {
      get: (_, method, receiver) => {
        const member: unknown = Reflect.get(inner, method, receiver);
        if (typeof member !== "function" || typeof method !== "string" || options.direct?.includes(method))
          return member;
        return async (...args: unknown[]) => {
          await thaw();
          return (await Reflect.apply(member, inner, args)) as unknown;
        };
      },
    });
  };
}

/** Between a write to a cluster and what the engine notes about it is the worst moment to die: it is tried more often. */
function diesOfWrites(inner: Transport, process: SimProcess, { simulation }: Surroundings): Transport {
  return {
    ...inner,
    send: async (request) => {
      const answer = await inner.send(request);
      const isWrite = request.method !== "GET" && !request.path.includes("dryRun=All");
      const dies = isWrite && !process.isSpared && simulation.mayKill();
      if (dies && simulation.random.chance(simulation.faults().kill * afterWrite)) process.kill();
      return answer;
    },
  };
}

function createFaultyTransport(name: string, inner: Transport, port: Port, around: Surroundings): Transport {
  const { simulation, weather, worldClock } = around;
  const reach = async (request: KubeRequest) => {
    const outage = weather.outages.get(name);
    if (outage === undefined) return await inner.send(request);
    // What is left of it after the real transport's own patience.
    await worldClock.sleep(simulation.random.integer(2_000, 12_000));
    if (weather.outages.get(name) === undefined) return await inner.send(request);
    throw outage === "unreachable"
      ? new KubeError(0, "Unreachable", `API server of ${name} cannot be reached: ECONNREFUSED`)
      : new KubeError(
          429,
          "TooManyRequests",
          "the server has received too many requests and has asked us to try again",
        );
  };
  const error = () => new KubeError(500, "InternalError", "etcdserver: leader changed");
  const repeatable = port(`api-${name}`, { send: reach }, { error });
  const once = port(
    `api-${name}`,
    {
      send: async (request: KubeRequest) => {
        const answer = await reach(request);
        if (simulation.random.chance(simulation.faults().lostReply))
          throw new KubeError(0, "Unreachable", `API server of ${name} cannot be reached: UND_ERR_SOCKET`);
        return answer;
      },
    },
    { error, repeated: [] },
  );
  return { ...inner, send: async (request) => await (request.repeatable ? repeatable : once).send(request) };
}

/** Between the pack and the bucket an archive is compressed in another thread: virtual time stands still meanwhile. */
function createHold(process: SimProcess) {
  let end: (() => void) | undefined;
  const release = () => {
    end?.();
    end = undefined;
  };
  const begin = () => {
    release();
    const done = new Promise<void>((resolve) => (end = resolve));
    void process.external(() => done);
  };
  const endsWith = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (_, name) => {
        release();
        return Reflect.get(target, name) as unknown;
      },
    });
  return { begin, release, endsWith };
}

function openGit(port: Port, repository: MemoryRepository, hold: ReturnType<typeof createHold>): GitTransport {
  const error = () => new GitError("Unreachable", "connection reset by peer");
  const transport = port("git", repository.transport(), { direct: ["stateless", "close"], error });
  return {
    stateless: true,
    advertise: () => transport.advertise(),
    exchange: async (request, exchange) => {
      const answer = await transport.exchange(request, exchange);
      if (Buffer.from(request).includes("command=fetch")) hold.begin();
      return answer;
    },
    close: async () => hold.release(),
  };
}

/** Builds by putting a folder's files one after the other; one of the account's executions, as the render function is. */
function createMemoryRenderer({ simulation, weather, repository, slots, worldClock }: Surroundings): Renderer {
  const throttled = () =>
    new ReconcileError(
      "wait",
      "Progressing",
      "function render is throttled: the account's concurrent executions are used up, trying again",
    );
  return {
    build: async (request) => {
      if (simulation.random.chance(weather.renderThrottled) || !slots.take()) throw throttled();
      try {
        await worldClock.sleep(simulation.random.integer(100, 900));
        return build(repository, request);
      } finally {
        slots.free();
      }
    },
  };
}

function build(repository: MemoryRepository, { artifact, path, knownClosure }: BuildRequest): Build {
  const folder = path.replace(/^\.?\//, "").replace(/\/$/, "");
  const files = repository.filesAt(artifact.revision.slice(artifact.revision.indexOf(":") + 1));
  const inside = [...files].filter(([name]) => name.startsWith(`${folder}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (inside.length === 0)
    throw new ReconcileError(
      "retry",
      "ArtifactFailed",
      `kustomization path not found: stat ${folder}: no such file or directory`,
    );
  const yaml = inside.map(([, text]) => text).join("\n---\n");
  const closure = createHash("sha256").update(JSON.stringify(inside)).digest("hex");
  if (closure === knownClosure) return { kind: "unchanged", closure };
  return { kind: "built", yaml, closure, digest: `sha256:${createHash("sha256").update(yaml).digest("hex")}` };
}
