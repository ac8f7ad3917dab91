/** Runs a synthesized cloud assembly on this machine: emulators, gateway, functions, pollers, schedule, ingress, Git server. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { type Clock, systemClock } from "../shared/runtime/clock.ts";
import { createAuditLog } from "./audit-log.ts";
import { type AlarmChange, createAlarmWatch } from "./alarm-watch.ts";
import type { AlarmState } from "./alarms.ts";
import { type RoleGrants, createAuthorizer } from "./authorizer.ts";
import { type ClusterEndpoint, createEks } from "./aws/eks.ts";
import { createLambda } from "./aws/lambda.ts";
import type { LocalSecrets } from "./aws/secrets-manager.ts";
import type { Sqs } from "./aws/sqs.ts";
import { createSts } from "./aws/sts.ts";
import { type EksIdentity, identifyBearer, readAccessEntries } from "./eks-token.ts";
import { type FaultSettings, createFaults } from "./faults.ts";
import { type FunctionsOptions, type LocalFunction, createFunctions } from "./functions.ts";
import { startGateway } from "./gateway.ts";
import { type GitServer, type Webhook, startGitServer } from "./git-server.ts";
import { type Credentials, createIdentities } from "./identities.ts";
import { type Route, readRoutes, startIngress } from "./ingress.ts";
import { rememberedPort } from "./loopback.ts";
import { type MetricPoint, type MetricStore, createMetricStore } from "./metrics.ts";
import { loadPolicies } from "./policies.ts";
import { startPollers } from "./pollers.ts";
import { openProcessRegistry } from "./process-registry.ts";
import { createRandom } from "./random.ts";
import { createSchedule } from "./schedule.ts";
import { openStorage } from "./storage.ts";
import { type Deployment, assemblyEnvironment, loadDeployment } from "./template.ts";

export interface LocalOptions {
  /** The `cdk.out` directory. */
  readonly assembly: string;
  /** `.driftless`: everything that survives a restart. */
  readonly stateDir: string;
  /** By cluster ARN; may be filled later, it is read at each request. */
  readonly clusters: ReadonlyMap<string, ClusterEndpoint>;
  readonly onLog: (line: string) => void;
  /** Told of each alarm that changes its state, within a few seconds. */
  readonly onAlarm?: (change: AlarmChange) => void;
  readonly faults?: FaultSettings;
  /** Node that runs the functions; default: the one that runs this. */
  readonly nodeBinary?: string;
  /** `local/lambda-host.mjs`; needed when this module was bundled to another place. */
  readonly hostScript?: string;
  /** Stop functions between invocations as Lambda does; default true on Linux. */
  readonly freeze?: boolean;
  /** Default: any for the gateway, the last one for the ingress. */
  readonly gatewayPort?: number;
  readonly clock?: Clock;
  /** Where the local Git server's webhook goes; default: the first POST route that names GitHub, else the first. */
  readonly webhookPath?: string;
  /** Where the stacks that fix no environment are; default: the first fixed one of the assembly, else the first cluster's. */
  readonly environment?: { readonly account?: string; readonly region?: string };
  /** Default true; off, only `tick()` fires the schedules. */
  readonly schedule?: boolean;
}

export interface LocalAws {
  readonly ingressUrl: string;
  readonly gatewayUrl: string;
  readonly gitUrl: string;
  readonly region: string;
  readonly account: string;
  /** Credentials of the person at the keyboard, for the gateway. */
  readonly operator: Credentials;
  readonly deployment: Deployment;
  readonly git: GitServer;
  readonly sqs: Sqs;
  readonly functions: readonly LocalFunction[];
  /** By role ARN: what it used, what it was refused, what it never used. */
  grants(): Readonly<Record<string, RoleGrants>>;
  alarms(): readonly AlarmState[];
  metrics(): readonly MetricPoint[];
  /** The signed webhook of the local Git server. */
  webhook(): Webhook | undefined;
  /** Undefined unless the token is good and its role has an access entry for the cluster of that name. */
  verifyEksToken(token: string, clusterName: string): EksIdentity | undefined;
  /** A line of the audit log of the EKS cluster of that name, for the template's subscriptions. */
  writeAuditLog(cluster: string, line: string): void;
  /** Fires the schedules now and waits for them. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error when the template holds something that does not run here, or that AWS would refuse. */
export async function startLocal(options: LocalOptions): Promise<LocalAws> {
  mkdirSync(options.stateDir, { recursive: true });
  // What was started, newest last: all of it ends again, in reverse, also when the start fails half way.
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  };
  try {
    return { ...(await assemble(options, (close) => closers.push(close))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** CloudWatch looks every minute; a person at the keyboard waits for a few seconds. */
const alarmMillis = 5_000;

type Closing = (close: () => Promise<void> | void) => void;

async function assemble(options: LocalOptions, closing: Closing): Promise<Omit<LocalAws, "stop">> {
  const { stateDir, onLog, clock = systemClock } = options;
  const onDefect = (error: unknown) =>
    onLog(`defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const { gateway, ingress, deployment, account, region } = await openDoors(options, closing, onDefect);
  const faults = createFaults(options.faults);
  const metrics = createMetricStore();
  const identities = createIdentities(account, clock);
  const authorizer = createAuthorizer(loadPolicies(deployment), onLog);
  const storage = await openStorage(deployment, stateDir, clock, createRandom(options.faults?.seed ?? 1), faults);
  closing(() => storage.close());
  const functions = await startFunctions(
    { ...{ deployment, region, identities, authorizer, metrics, faults, clock, onLog }, gatewayUrl: gateway.url },
    options,
    closing,
  );
  const grants = () => authorizer.grants();
  const declared = deployment.ofType("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm");
  const watch = createAlarmWatch(declared, metrics);
  const alarms = () => {
    sampleQueues(storage.sqs, metrics, clock.now());
    const { changes, states } = watch.look(clock.now());
    for (const change of changes) options.onAlarm?.(change);
    return states;
  };
  gateway.serve({
    ...{ clock, identities, authorizer, onDefect, mischief: (service: string) => faults.mischief(service) },
    emulators: [
      ...storage.emulators,
      createSts(identities, clock),
      createEks(options.clusters),
      createLambda(functions.map(({ resource, pool }) => ({ name: resource.name, arn: resource.arn, pool }))),
    ],
    reports: { grants, alarms, metrics: () => metrics.points },
  });
  const routes = readRoutes(deployment, region);
  ingress.serve({ routes, functions, authorizer, clock });
  const webhook = () => findWebhook(routes, functions, storage.secrets, ingress.url, options.webhookPath);
  const git = await startGitServer({ directory: path.join(stateDir, "git"), webhook, onLog });
  closing(() => git.close());
  const mappings = deployment.ofType("AWS::Lambda::EventSourceMapping");
  const pollers = startPollers({ mappings, sqs: storage.sqs, functions, authorizer, clock, region, onLog });
  closing(async () => {
    // A run that is under way would keep its poller waiting for the function's timeout.
    for (const { pool } of functions) pool.stop();
    await pollers.stop();
  });
  const subscriptions = deployment.ofType("AWS::Logs::SubscriptionFilter");
  const auditLog = createAuditLog({ subscriptions, functions, authorizer, region, onLog });
  const schedules = deployment.ofType("AWS::Scheduler::Schedule");
  const schedule = createSchedule({ schedules, functions, authorizer, clock, onLog });
  if (options.schedule !== false) closing(schedule.start());
  const watching = setInterval(alarms, alarmMillis);
  closing(() => clearInterval(watching));
  const housekeeping = setInterval(() => {
    storage.dynamodb.expire(Math.floor(clock.now() / 1000)).catch(onDefect);
  }, 60_000);
  closing(() => clearInterval(housekeeping));
  const entries = readAccessEntries(deployment.ofType("AWS::EKS::AccessEntry"));

  return {
    ...{ ingressUrl: ingress.url, gatewayUrl: gateway.url, gitUrl: git.url, region, account, deployment, git },
    ...{ functions, operator: identities.operator, sqs: storage.sqs, grants, alarms, webhook },
    metrics: () => metrics.points,
    writeAuditLog: (cluster, line) => void auditLog.write(cluster, [line]).catch(onDefect),
    verifyEksToken: (token, cluster) => identifyBearer(token, cluster, { identities, entries, now: clock.now() }),
    tick: () => schedule.fire(),
  };
}

/** Queue URLs and the API's address are part of the resolved template, so both servers listen before it is read. */
async function openDoors(options: LocalOptions, closing: Closing, onDefect: (error: unknown) => void) {
  const { assembly, stateDir } = options;
  const gateway = await startGateway(options.gatewayPort);
  closing(() => gateway.close());
  // The ingress keeps its port: people put it into their repositories' webhooks.
  const portFile = path.join(stateDir, "ingress-port");
  const ingress = await startIngress(rememberedPort(portFile), onDefect);
  closing(() => ingress.close());
  writeFileSync(portFile, new URL(ingress.url).port);
  const { account, region } = {
    ...(assemblyEnvironment(assembly) ?? environmentOf(options.clusters)),
    ...options.environment,
  };
  const deployment = loadDeployment(assembly, { account, region, gatewayUrl: gateway.url, ingressUrl: ingress.url });
  return { gateway, ingress, deployment, account, region };
}

type FunctionsWorld = Omit<FunctionsOptions, "stateDirectory" | "nodeBinary" | "hostScript" | "freeze" | "onProcess">;

async function startFunctions(world: FunctionsWorld, options: LocalOptions, closing: Closing) {
  const { stateDir } = options;
  const hostScript = options.hostScript ?? fileURLToPath(new URL("./lambda-host.mjs", import.meta.url));
  const registry = openProcessRegistry(path.join(stateDir, "processes.json"), hostScript);
  const functions = await createFunctions({
    ...{ ...world, hostScript, stateDirectory: stateDir, onProcess: (pid: number) => registry.add(pid) },
    nodeBinary: options.nodeBinary ?? process.execPath,
    freeze: options.freeze ?? process.platform === "linux",
  });
  const killAll = () => {
    for (const { pool } of functions) pool.stop();
  };
  process.once("exit", killAll);
  closing(() => {
    process.off("exit", killAll);
    killAll();
    registry.clear();
  });
  return functions;
}

/** Without an environment in the assembly, the account and region of the first cluster. */
function environmentOf(clusters: ReadonlyMap<string, unknown>): { readonly account: string; readonly region: string } {
  const [, , , region, account] = ([...clusters.keys()][0] ?? "").split(":");
  return { account: account || "000000000000", region: region || "eu-west-1" };
}

function sampleQueues(sqs: Sqs, metrics: MetricStore, at: number): void {
  for (const { arn, name } of sqs.queues) {
    const { visible, inFlight, delayed, oldestAgeSeconds } = sqs.counts(arn);
    const values = {
      ApproximateNumberOfMessagesVisible: visible,
      ApproximateNumberOfMessagesNotVisible: inFlight,
      ApproximateNumberOfMessagesDelayed: delayed,
      ApproximateAgeOfOldestMessage: oldestAgeSeconds,
    };
    for (const [metric, value] of Object.entries(values)) {
      metrics.record({ namespace: "AWS/SQS", name: metric, dimensions: { QueueName: name }, at, values: [value] });
    }
  }
}

function findWebhook(
  routes: readonly Route[],
  functions: readonly LocalFunction[],
  secrets: LocalSecrets,
  ingressUrl: string,
  wanted: string | undefined,
): Webhook | undefined {
  const posts = routes.filter(({ method }) => method === "POST" || method === "*");
  const route =
    posts.find(({ path: at }) => at === wanted) ?? posts.find(({ path: at }) => /github/i.test(at)) ?? posts[0];
  const lambda = functions.find(({ resource }) => resource.arn === route?.functionArn);
  const secretArn = lambda?.environment.DRIFTLESS_WEBHOOK_SECRET;
  if (route === undefined || secretArn === undefined) return undefined;
  const at = wanted ?? (route.path === "$default" ? "/" : route.path.replace(/\{[^}]*\}/, "github"));
  return { url: `${ingressUrl}${at}`, secret: secrets.value(secretArn) };
}
