/** B1, B1v, B1n and B2: what does a cluster cost in which nothing happens? */
import { rmSync } from "node:fs";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";
import { createGitRoot, startGitServer } from "../fakes/git-server.ts";
import { versions } from "../real/versions.ts";
import { benchPath, type Files, objectFiles } from "./content.ts";
import type { Figure } from "./figure.ts";
import { type PushRun, useMemory } from "./push.ts";
import { type SteadyRecord, steadyFigures } from "./steady-figures.ts";
import { createSteadyDriftless, createSteadyFlux, type Layout, type Looked, type SteadySide } from "./steady-sides.ts";

/** Enough that every part of what is read in turn has come. */
const sweeps = 15;
const peerLooks = 3;
const noisyWrites = 250;

interface Bench {
  readonly id: string;
  readonly kustomizations: number;
  readonly objects: number;
  readonly hasVariables?: boolean;
  readonly isNoisy?: boolean;
}

const benches: readonly Bench[] = [
  { id: "B1", kustomizations: 1, objects: 1000 },
  { id: "B1v", kustomizations: 1, objects: 1000, hasVariables: true },
  { id: "B1n", kustomizations: 1, objects: 1000, isNoisy: true },
  { id: "B2", kustomizations: 50, objects: 20 },
];

export const steadyBenches: readonly string[] = benches.map(({ id }) => id);

export async function runSteadyBenches(run: PushRun): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const bench of benches.filter(({ id }) => run.benches.includes(id))) {
    run.signal.throwIfAborted();
    const record = await runBench(bench, run);
    figures.push(...steadyFigures(bench.id, record, versions().peerName));
  }
  return figures;
}

async function runBench(bench: Bench, { progress, signal }: PushRun): Promise<SteadyRecord> {
  const scratch = useMemory();
  const git = createGitRoot();
  const server = await startGitServer(git.folder);
  const sides: SteadySide[] = [];
  try {
    const names = Array.from({ length: bench.kustomizations }, (_, index) => `k${String(index).padStart(2, "0")}`);
    const layout: Layout = { names, hasVariables: bench.hasVariables === true };
    const repository = git.create("steady");
    repository.commit(Object.assign({}, ...names.map((name) => filesOf(name, bench.objects))) as Files);
    const flux = await createSteadyFlux(server, repository, layout, scratch);
    sides.push(flux);
    const driftless = await createSteadyDriftless(server, repository, layout);
    sides.push(driftless);
    // The first ones see what has settled since.
    for (const side of sides) await side.look();
    const looks = async (side: SteadySide, count: number): Promise<readonly Looked[]> => {
      const all: Looked[] = [];
      for (let index = 0; index < count && !signal.aborted; index += 1) {
        if (bench.isNoisy === true) await makeNoise(side.observer, index);
        const looked = await side.look();
        progress(`${bench.id}, ${side.name}: ${looked.requests} requests in ${looked.seconds.toFixed(3)} s`);
        all.push(looked);
      }
      return all;
    };
    const peer = await looks(flux, peerLooks);
    const watched = await looks(driftless, sweeps);
    await driftless.forget();
    return { peer, watched, listed: await looks(driftless, 1) };
  } finally {
    for (const side of sides) await side.close();
    await server.close();
    git.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function filesOf(folder: string, count: number): Files {
  const files = objectFiles(count, `${folder}-`);
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path.replace(`${benchPath}/`, `${folder}/`), text]),
  );
}

const noiseNamespace = "default";

/** Unlabelled objects of each applied kind are written, and a webhook gets another certificate. */
async function makeNoise(cluster: Cluster, round: number): Promise<void> {
  const metadata = { name: "noise", namespace: noiseNamespace };
  const labels = { app: "noise" };
  const containers = [{ name: "app", image: "registry.example.com/app:1.0.0" }];
  const template = { metadata: { labels }, spec: { containers } };
  const objects = (value: string): readonly KubeObject[] => [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...metadata, annotations: { value } } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...metadata, annotations: { value } },
      spec: { selector: labels, ports: [{ port: 80 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...metadata, annotations: { value } },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    },
  ];
  for (let count = 0; count < noisyWrites; count += 1)
    await Promise.all(
      objects(`${round}-${count}`).map((object) => cluster.apply(object, { fieldManager: "noise", force: true })),
    );
  await cluster.apply(webhook(Buffer.from(`certificate ${round}`).toString("base64")), {
    fieldManager: "injector",
    force: true,
  });
}

/** Nobody is behind it: it asks for objects that nobody writes, and lets them pass. */
function webhook(caBundle: string): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "noise" },
    webhooks: [
      {
        name: "noise.example.com",
        clientConfig: { url: "https://127.0.0.1:1/validate", caBundle: pem(caBundle) },
        rules: [
          { apiGroups: ["noise.example.com"], apiVersions: ["v1"], resources: ["noises"], operations: ["CREATE"] },
        ],
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Ignore",
      },
    ],
  };
}

/** What is looked at is its form alone. */
const pem = (content: string): string =>
  Buffer.from(`-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`).toString("base64");
