/** The deployed wiring in this process: built bundles, synthesized template, emulators, sandbox, Git server. */
import { execFile, execFileSync } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";

import { type LocalAws, startLocal } from "../../local/run.ts";
import { auditLine } from "../../local/sandbox/audit-event.ts";
import { createSandbox } from "../../local/sandbox/create-sandbox.ts";
import type { AccessPolicy } from "../../local/sandbox/rbac.ts";
import { seedFleet } from "../../local/seed-fleet.ts";
import { synthesize } from "../../local/synthesize.ts";
import { createS3BlobStore } from "../../shared/aws/blob-store.ts";
import { createSqsQueues } from "../../shared/aws/queues.ts";
import { createDynamoTable } from "../../shared/aws/table.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { CLAIM_AHEAD_SECONDS, type LeasePorts, rowKey } from "../../shared/lease/row.ts";
import { trigger } from "../../shared/lease/trigger.ts";
import type { BlobStore } from "../../shared/runtime/blob-store.ts";
import { systemClock } from "../../shared/runtime/clock.ts";

export const root = join(import.meta.dirname, "..", "..");
const memoryKey = "sweep/production.json.gz";
const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/production";

export interface Wiring {
  readonly aws: LocalAws;
  readonly cluster: OpenCluster;
  readonly gitUrl: string;
  readonly logs: readonly string[];
  /** Whether the next tick will send the object's message: due within its look-ahead, and not sent by its releaser. */
  isForTheTick(key: string): Promise<boolean>;
  /** Deletes what lies under artifacts/ in the bucket. */
  loseArtifacts(): Promise<void>;
  /** Deletes what the sweep remembers. */
  loseMemory(): Promise<void>;
  /** What the sweep remembers, as text; empty where that is nothing. */
  memory(): Promise<string>;
  /** Asks for a run of an object, as the CLI does. */
  wake(key: string): Promise<void>;
  /** Changes files of the fleet and pushes; resolves with the commit when the push has returned. */
  push(change: (folder: string) => void): Promise<string>;
  /** A delivery as GitHub sends it. */
  deliver(request: Partial<Delivery>): Promise<Response>;
  stop(): Promise<void>;
}

export interface Delivery {
  readonly event: string;
  readonly body: string;
  readonly secret: string;
  readonly delivery: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A right to take away from a function's role before anything starts. */
export interface Removal {
  readonly role: string;
  readonly action: string;
}

export async function startWiring(gitPort: number, removal?: Removal): Promise<Wiring> {
  const stateDir = mkdtempSync(join(tmpdir(), "driftless-wiring-"));
  const gitUrl = `http://127.0.0.1:${gitPort}/fleet-infra.git`;
  const fleetFile = join(stateDir, "fleet.json");
  const sync = { url: gitUrl, branch: "main", path: "clusters/production" };
  writeFileSync(
    fleetFile,
    JSON.stringify({ engine: "test", clusters: [{ name: "production", arn, sync, auditLogs: true }] }),
  );
  execFileSync(process.execPath, [join(root, "build.mjs")], { cwd: root, stdio: "ignore" });
  const assembly = join(stateDir, "cdk.out");
  await synthesize({ root, fleetFile, outDir: assembly });
  if (removal) remove(assembly, removal);

  const late: { aws?: LocalAws } = {};
  const sandbox = createSandbox({
    authenticate: ({ token }) => {
      const identity = token === undefined ? undefined : late.aws?.verifyEksToken(token, "production");
      if (!identity) return undefined;
      const { username: user, groups, policies } = identity;
      return { user, groups, policies: policies.map(({ name }) => name as AccessPolicy) };
    },
    audit: (entry) => {
      const line = auditLine(entry, Date.now());
      if (line !== undefined) late.aws?.writeAuditLog("production", line);
    },
  });
  const { url, caPem, adminToken } = await sandbox.start();
  const logs: string[] = [];
  cpSync(join(root, "examples"), join(stateDir, "examples"), { recursive: true });
  mkdirSync(join(stateDir, "git"), { recursive: true });
  writeFileSync(join(stateDir, "git", "port"), String(gitPort));
  const started = await startLocal({
    assembly,
    stateDir,
    clusters: new Map([[arn, { endpoint: url, caPem }]]),
    onLog: (line) => logs.push(line),
    hostScript: join(root, "local", "lambda-host.mjs"),
  });
  late.aws = started;
  await started.git.create("fleet-infra");
  const cluster = createCluster({ server: url, ca: caPem, token: async () => adminToken });
  await seedFleet(join(stateDir, "examples", "fleet"), gitUrl);
  const checkout = join(stateDir, "checkout");
  // The Git server lives in this process: a synchronous child would wait for itself.
  const git = (...args: readonly string[]) =>
    promisify(execFile)("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args]);
  await git("clone", "--quiet", gitUrl, checkout);

  const operator = operatorPorts(started);

  return {
    aws: started,
    cluster,
    gitUrl,
    logs,
    async isForTheTick(key) {
      const { nextAt, armed } = (await operator.table.get(rowKey(key), { consistent: true })) ?? {};
      if (typeof nextAt !== "string" || nextAt === armed) return false;
      const wait = Number(nextAt) - Date.now() / 1000;
      return wait > 0 && wait < CLAIM_AHEAD_SECONDS;
    },
    async loseArtifacts() {
      for (const key of await operator.blobs.list("artifacts/")) await operator.blobs.delete(key);
    },
    loseMemory: () => operator.blobs.delete(memoryKey),
    memory: async () => {
      const bytes = await operator.blobs.get(memoryKey);
      return bytes === undefined ? "" : gunzipSync(bytes).toString("utf8");
    },
    wake: async (key) => {
      await trigger(operator, key, { why: "test" });
    },
    async push(change) {
      change(checkout);
      await git("-C", checkout, "add", "--all");
      await git("-C", checkout, "commit", "--quiet", "--message", "change");
      await git("-C", checkout, "push", "--quiet");
      return (await git("-C", checkout, "rev-parse", "HEAD")).stdout.trim();
    },
    deliver: (request) => deliver(started, request),
    async stop() {
      await cluster.close();
      await started.stop();
      await sandbox.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function remove(assembly: string, { role, action }: Removal): void {
  for (const file of readdirSync(assembly).filter((name) => name.endsWith(".template.json"))) {
    const path = join(assembly, file);
    const template = JSON.parse(readFileSync(path, "utf8")) as { Resources: Record<string, TemplateRole> };
    for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
      if (Type !== "AWS::IAM::Role" || !id.toLowerCase().startsWith(role)) continue;
      for (const { PolicyDocument } of Properties.Policies ?? [])
        for (const statement of PolicyDocument.Statement)
          statement.Action = [statement.Action].flat().filter((allowed) => allowed !== action);
    }
    writeFileSync(path, JSON.stringify(template));
  }
}

interface TemplateRole {
  readonly Type: string;
  readonly Properties: {
    readonly Policies?: readonly { readonly PolicyDocument: { readonly Statement: { Action: string | string[] }[] } }[];
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

function operatorPorts({
  gatewayUrl,
  region,
  operator,
  functions,
}: LocalAws): LeasePorts & { readonly blobs: BlobStore } {
  const { accessKeyId, secretAccessKey } = operator;
  const client = { endpoint: gatewayUrl, region, credentials: { accessKeyId, secretAccessKey } };
  const environment = functions.find(({ environment: e }) => e.DRIFTLESS_BUCKET)?.environment ?? {};
  const variable = (name: string) => environment[name] ?? "";
  return {
    clock: systemClock,
    blobs: createS3BlobStore(
      new S3Client({ ...client, requestChecksumCalculation: "WHEN_REQUIRED" }),
      variable("DRIFTLESS_BUCKET"),
    ),
    table: createDynamoTable(new DynamoDBClient(client), variable("DRIFTLESS_TABLE")),
    queues: createSqsQueues(new SQSClient(client), {
      source: variable("DRIFTLESS_QUEUE_SOURCE"),
      reconcile: variable("DRIFTLESS_QUEUE_RECONCILE"),
      sweep: variable("DRIFTLESS_QUEUE_SWEEP"),
    }),
  };
}

async function deliver(aws: LocalAws, request: Partial<Delivery>): Promise<Response> {
  const webhook = aws.webhook();
  if (!webhook) throw new Error("the template has no webhook");
  const { event = "push", body = "{}", secret = webhook.secret, delivery = randomUUID(), headers = {} } = request;
  return fetch(webhook.url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": delivery,
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
      ...headers,
    },
  });
}
