/** `npm start`: the deployed wiring on this machine, a sandbox cluster, a Git server, and the example fleet in them. */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { createCluster, type OpenCluster } from "../shared/kubernetes/create-cluster.ts";
import { systemClock } from "../shared/runtime/clock.ts";
import { type Followed, followUntilReady } from "./follow.ts";
import { listenOnLoopback, rememberedPort } from "./loopback.ts";
import { createNarration, describeAlarm } from "./narrate.ts";
import { parseStartOptions, type StartOptions } from "./options.ts";
import { type LocalAws, startLocal } from "./run.ts";
import { repositoryName, type Seeded, seedFleet } from "./seed-fleet.ts";
import { openTarget, type Target } from "./target.ts";
import { synthesize } from "./synthesize.ts";

const engineName = "local";
const clusterName = "production";
const clusterArn = `arn:aws:eks:eu-west-1:111122223333:cluster/${clusterName}`;
const expected = ["flux-system", "infrastructure-crds", "infrastructure", "apps"];
const readyTimeoutMillis = 5 * 60_000;

async function start(options: StartOptions): Promise<number> {
  const began = Date.now();
  const root = process.cwd();
  const stateDir = join(root, ".driftless");
  if (options.fresh) rmSync(stateDir, { recursive: true, force: true });
  mkdirSync(stateDir, { recursive: true });
  const step = createSteps();
  const narrate = createNarration((text) => process.stderr.write(`${text}\n`));
  const keep = createLogFiles(stateDir);
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort(new Error(signal)));
  const open: { close(): Promise<void> }[] = [];
  try {
    const gitPort = await stableGitPort(stateDir);
    const gitUrl = `http://127.0.0.1:${gitPort}/${repositoryName}.git`;
    const fleetFile = writeFleet(stateDir, gitUrl, options);
    const assembly = join(stateDir, "cdk.out");
    const made = await synthesize({ root, fleetFile, outDir: assembly });
    step(made ? "CDK app synthesized" : "CDK app unchanged");

    // The cluster asks the engine's STS who somebody is, and the engine needs to know where the cluster is.
    const late: { aws?: LocalAws } = {};
    const target = await openTarget(options, stateDir, {
      identify: (token) => late.aws?.verifyEksToken(token, clusterName),
      audit: (line) => late.aws?.writeAuditLog(clusterName, line),
    });
    open.push(target);
    step(`${target.title} at ${target.url}`);
    const clusters = new Map([[clusterArn, { endpoint: target.url, caPem: target.caPem }]]);
    const running = await startLocal({
      assembly,
      stateDir,
      clusters,
      onLog: (line) => {
        narrate(line);
        keep(line);
      },
      onAlarm: (change) => {
        const told = describeAlarm(change, engineName);
        if (told !== undefined) process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${told}\n`);
      },
      hostScript: join(root, "local", "lambda-host.mjs"),
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    });
    late.aws = running;
    open.push({ close: () => running.stop() });
    step(`functions, queues, schedule, table, bucket and API (${running.functions.length} functions)`);

    await running.git.create(repositoryName);
    const cluster = createCluster(target.admin);
    open.push(cluster);
    const ticked = running.tick();
    const seeded = await seedFleet(join(root, "examples", "fleet"), gitUrl);
    step("examples/fleet pushed to the local Git server");
    await ticked;
    writeRun(stateDir, running, target);
    const followed = await follow(cluster, seeded, stopping.signal);
    const ready = followed.length > 0 && followed.every((object) => object.ready);
    step(ready ? "everything is ready" : "not everything is ready");
    await printTable(root, target.kubeconfig);
    for (const { kind, namespace, name, message } of followed.filter((object) => !object.ready))
      process.stderr.write(`✗ ${kind}/${namespace}/${name}: ${message}\n`);
    if (options.json) printJson(began, followed);
    if (options.once) return ready ? 0 : 1;
    printNext(gitUrl, target);
    await untilAborted(stopping.signal);
    return 0;
  } finally {
    rmSync(join(stateDir, "run.json"), { force: true });
    for (const part of open.reverse()) await part.close();
  }
}

function createSteps(): (what: string) => void {
  let last = Date.now();
  return (what) => {
    process.stderr.write(`✔ ${what} ${((Date.now() - last) / 1000).toFixed(1)} s\n`);
    last = Date.now();
  };
}

/** The Git server's address is part of the fleet, so it must be known before anything is synthesized. */
async function stableGitPort(stateDir: string): Promise<number> {
  const file = join(stateDir, "git", "port");
  if (existsSync(file)) return rememberedPort(file);
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((resolve) => server.close(resolve));
  mkdirSync(join(stateDir, "git"), { recursive: true });
  writeFileSync(file, String(port));
  return port;
}

function writeFleet(stateDir: string, url: string, { takeOver }: StartOptions): string {
  const file = join(stateDir, "fleet.json");
  const sync = { url, branch: "main", path: `clusters/${clusterName}` };
  const cluster = { name: clusterName, arn: clusterArn, sync, auditLogs: true, ...(takeOver ? { takeOver } : {}) };
  writeFileSync(file, JSON.stringify({ engine: engineName, clusters: [cluster] }, null, 2));
  return file;
}

/** Where the CLI finds the running engine: the functions' own variables, and the operator's credentials. */
function writeRun(stateDir: string, aws: LocalAws, { kubeconfig }: Target): void {
  const working = aws.functions.find(({ environment }) => environment.DRIFTLESS_QUEUE_RECONCILE)?.environment ?? {};
  const names = ["DRIFTLESS_TABLE", "DRIFTLESS_QUEUE_SOURCE", "DRIFTLESS_QUEUE_RECONCILE", "DRIFTLESS_QUEUE_SWEEP"];
  const environment = {
    ...Object.fromEntries(names.map((name) => [name, working[name] ?? ""])),
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: aws.operator.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.operator.secretAccessKey,
  };
  const logs = join(stateDir, "logs");
  const run = { kubeconfig, cluster: clusterName, gatewayUrl: aws.gatewayUrl, environment, logs };
  writeFileSync(join(stateDir, "run.json"), JSON.stringify(run, null, 2), { mode: 0o600 });
}

/** Keeps the functions' lines, one file for each function, for `driftless logs`. */
function createLogFiles(stateDir: string): (line: string) => void {
  const folder = join(stateDir, "logs");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return (line) => {
    const [, name, text] = /^(\S+) (\{.*)$/.exec(line) ?? [];
    if (name !== undefined && text !== undefined && !text.includes('"_aws"'))
      appendFileSync(join(folder, `${name.replace(/^.*-/, "")}.log`), `${text}\n`);
  };
}

function follow(cluster: OpenCluster, { commit, pushedAt }: Seeded, signal: AbortSignal): Promise<readonly Followed[]> {
  const timeoutMillis = readyTimeoutMillis;
  return followUntilReady(cluster, { clock: systemClock, since: pushedAt, commit, timeoutMillis, signal, expected });
}

function printTable(root: string, kubeconfig: string): Promise<void> {
  const cli = join(root, "dist", "cli", "main.mjs");
  if (!existsSync(cli)) return Promise.resolve();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, "get", "all", "-A", "--kubeconfig", kubeconfig], {
      stdio: ["ignore", process.stderr, "inherit"],
    });
    child.on("exit", () => resolve());
    child.on("error", () => resolve());
  });
}

function printJson(began: number, followed: readonly Followed[]): void {
  const objects = followed.map(({ message: _, ...object }) => object);
  process.stdout.write(`${JSON.stringify({ seconds: Math.round((Date.now() - began) / 10) / 100, objects })}\n`);
}

function printNext(gitUrl: string, { kubeconfig }: Target): void {
  process.stderr.write(
    [
      "",
      "change something and push it:",
      `  git clone ${gitUrl} && cd ${repositoryName}`,
      "look at the cluster:",
      `  export KUBECONFIG=${kubeconfig}`,
      "  kubectl get kustomizations -A        # flux get all -A works too",
      "change something behind Git's back, and see who did it, and an alarm that comes and goes:",
      "  kubectl -n ingress-nginx edit configmap ingress-nginx-controller",
      "ask the engine:",
      "  npx driftless get all -A",
      "  npx driftless reconcile kustomization apps --with-source",
      "stop with Ctrl-C; the state stays in .driftless (--fresh forgets it)",
      "",
    ].join("\n"),
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

start(parseStartOptions(process.argv.slice(2))).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
