/**
 * The second half of B8: one push to fifty Kustomizations of which it changes one, in an engine in memory with real
 * builds. Everything here is counted, nothing timed.
 */
import { tmpdir } from "node:os";

import { gitRepositoryApiVersion, gitRepositoryKind } from "../../shared/api/git-repository.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { clusterOver } from "../../shared/kubernetes/create-cluster.ts";
import { createSpokes } from "../../shared/kubernetes/spokes.ts";
import type { Transport } from "../../shared/kubernetes/transport.ts";
import type { Builder } from "../../shared/render/builder.ts";
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import { remoteBasesOverNetwork } from "../../shared/remote/over-network.ts";
import { createCachedRenderer } from "../../shared/render/cached-renderer.ts";
import { createLocalRenderer } from "../../shared/render/local-renderer.ts";
import type { RenderTools } from "../../shared/render/render.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { silentLog } from "../../shared/runtime/log.ts";
import { openTransportWithin } from "../../shared/source/git/open-transport.ts";
import { type EngineWorld, runMessage } from "../engine/in-process.ts";
import { createMemoryBlobs } from "../engine/memory-blobs.ts";
import { createMemoryQueues } from "../engine/memory-queues.ts";
import { createSandboxCluster } from "../engine/sandbox-cluster.ts";
import { createGitRoot, startGitServer } from "../fakes/git-server.ts";
import { createMemoryTable } from "../fakes/memory-table.ts";
import type { Figure } from "./figure.ts";

const kustomizations = 50;
const clusterName = "bench";
const namespace = "flux-system";
const deadlineMillis = 300_000;

interface Counts {
  builds: number;
  statusPatches: number;
  applies: number;
}

export async function spreadFigures(tools: Omit<RenderTools, "scratch">): Promise<readonly Figure[]> {
  const git = createGitRoot();
  const server = await startGitServer(git.folder);
  const repository = git.create("fleet");
  const counts: Counts = { builds: 0, statusPatches: 0, applies: 0 };
  const engine = createEngine({ ...tools, scratch: tmpdir() }, counts);
  try {
    const all = Array.from({ length: kustomizations }, (_, index) => index);
    repository.commit(Object.fromEntries(all.map((index) => fileOf(index, "1"))));
    // The first sweep brings the definitions, the second finds what was submitted.
    await engine.run(sweepKey(clusterName));
    await engine.submit(all, `${server.url}/fleet.git`);
    await engine.run(sweepKey(clusterName));
    await engine.run(sourceKey);
    Object.assign(counts, { builds: 0, statusPatches: 0, applies: 0 });
    repository.commit(Object.fromEntries([fileOf(7, "2")]));
    await engine.run(sourceKey);
    return figuresOf(counts);
  } finally {
    engine.stop();
    await server.close();
    git.remove();
  }
}

function figuresOf({ builds, statusPatches, applies }: Counts): readonly Figure[] {
  const figure = (metric: string, unit: Figure["unit"], driftless: number, value: number): Figure => ({
    bench: "B8",
    metric: `1 of ${kustomizations} Kustomizations changed, ${metric}`,
    unit,
    driftless,
    target: { relation: "=", value, of: "value", promised: true },
  });
  return [
    figure("builds", "builds", builds, 1),
    figure("status patches", "requests", statusPatches, kustomizations),
    figure("objects written", "objects", applies, 1),
  ];
}

function fileOf(index: number, value: string): readonly [string, string] {
  const name = `k${index}`;
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: default\ndata:\n  value: "${value}"\n`;
  return [`apps/${name}/config.yaml`, text];
}

const sourceKey = formatKey({
  cluster: clusterName,
  group: "source.toolkit.fluxcd.io",
  kind: gitRepositoryKind,
  namespace,
  name: "fleet",
});

function createEngine(tools: RenderTools, counts: Counts) {
  const clock = systemClock;
  const sandbox = createSandboxCluster({ clock, dropEvents: true });
  const cluster = clusterOver(counted(sandbox.transport, counts), clock);
  const queues = createMemoryQueues(clock);
  const blobs = createMemoryBlobs();
  const wake = async (key: string, why: string) => {
    await trigger(world, key, { why });
  };
  const world: EngineWorld = {
    engine: "bench",
    clusters: [{ name: clusterName, arn: `arn:aws:eks:eu-west-1:111122223333:cluster/${clusterName}` }],
    table: createMemoryTable({ now: clock.now }),
    queues,
    clock,
    blobs,
    renderer: createCachedRenderer({
      builder: countedBuilds(createLocalRenderer(tools, blobs), counts),
      blobs,
      remoteBases: remoteBasesOverNetwork(blobs, "machine"),
      trigger: wake,
    }),
    openGit: openTransportWithin("machine"),
    openCluster: async () => cluster,
    spokes: createSpokes({ clusters: [], openMember: async () => cluster, reach: "machine" }),
    log: silentLog,
  };
  return {
    submit: (all: readonly number[], url: string) => submit(sandbox.cluster, all, url),
    run: async (key: string) => {
      await wake(key, "bench");
      for (let message = queues.take(), run = 0; message; message = queues.take(), run += 1)
        if (message.key === key || message.key !== sweepKey(clusterName))
          await runMessage(world, message, { owner: `run-${run}`, deadline: clock.now() + deadlineMillis });
    },
    stop: () => sandbox.stop(),
  };
}

/** Status patches of Kustomizations, and applies that are no dry-run. */
function counted(transport: Transport, counts: Counts): Transport {
  return {
    ...transport,
    send: (request) => {
      const { method, path, contentType = "" } = request;
      if (method === "PATCH" && /\/kustomizations\/[^/]+\/status/u.test(path)) counts.statusPatches += 1;
      if (contentType.includes("apply-patch") && !path.includes("dryRun")) counts.applies += 1;
      return transport.send(request);
    },
  };
}

/** What was built took a process; what is unchanged took none. */
const countedBuilds = (builder: Builder, counts: Counts): Builder => ({
  build: async (request) => {
    const build = await builder.build(request);
    if (build.kind === "built") counts.builds += 1;
    return build;
  },
});

async function submit(
  cluster: ReturnType<typeof createSandboxCluster>["cluster"],
  all: readonly number[],
  url: string,
): Promise<void> {
  const interval = "1h";
  const put = (apiVersion: string, kind: string, name: string, spec: object) =>
    cluster.apply({ apiVersion, kind, metadata: { name, namespace }, spec }, { fieldManager: "bench", force: true });
  await put(gitRepositoryApiVersion, gitRepositoryKind, "fleet", { interval, url, ref: { branch: "main" } });
  const sourceRef = { kind: gitRepositoryKind, name: "fleet" };
  for (const index of all)
    await put(kustomizationApiVersion, kustomizationKind, `k${index}`, {
      interval,
      path: `./apps/k${index}`,
      prune: true,
      sourceRef,
    });
}
