/** The engine itself: door, schedule, queues, functions, memory, alarms. It serves any number of clusters. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { KubectlV36Layer } from "@aws-cdk/lambda-layer-kubectl-v36";
import { ArnFormat, CfnOutput, Duration, Stack, Stage, Tags } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as scheduler from "aws-cdk-lib/aws-scheduler";
import type { Construct } from "constructs";

import { auditLogGroup } from "../../shared/audit/handle.ts";
import { externalId } from "../../shared/config/cluster-roles.ts";
import type { Fleet } from "../../shared/config/fleet.ts";
import type { QueueName } from "../../shared/lease/message.ts";
import { EngineAlarms } from "../constructs/alarms.ts";
import { EngineDashboard } from "../constructs/dashboard.ts";
import { EngineSecrets } from "../constructs/engine-secrets.ts";
import { EngineFunction, functionName } from "../constructs/engine-function.ts";
import { WebhookIngress } from "../constructs/ingress.ts";
import { createResourceArns, type ResourceArns } from "../constructs/resource-arns.ts";
import { Store } from "../constructs/store.ts";
import { WorkQueue, type WorkQueues } from "../constructs/work-queue.ts";
import { functionNames, permissions, type FunctionName } from "../permissions.ts";
import type { Settings } from "../settings.ts";

interface FunctionShape {
  readonly memoryMegabytes: number;
  readonly timeoutSeconds: number;
  readonly description: string;
  readonly recursive?: boolean;
}

/** 1,769 MB are one whole vCPU. GitHub gives a webhook ten seconds. */
export const functionShapes: Readonly<Record<FunctionName, FunctionShape>> = {
  webhook: { memoryMegabytes: 256, timeoutSeconds: 9, description: "Verifies webhooks and triggers their sources" },
  audit: {
    memoryMegabytes: 512,
    timeoutSeconds: 60,
    description: "Reads who changed what in the clusters' audit logs",
  },
  tick: { memoryMegabytes: 512, timeoutSeconds: 50, description: "Sends the messages whose time has come" },
  sweep: {
    memoryMegabytes: 1024,
    timeoutSeconds: 120,
    description: "Asks one cluster what changed since the last look",
    recursive: true,
  },
  source: {
    memoryMegabytes: 3008,
    timeoutSeconds: 300,
    description: "Fetches one source and stores its artifact",
    recursive: true,
  },
  reconcile: {
    memoryMegabytes: 1769,
    timeoutSeconds: 300,
    description: "Makes a cluster match one Kustomization",
    recursive: true,
  },
  render: { memoryMegabytes: 1769, timeoutSeconds: 120, description: "Builds manifests; has no rights in AWS" },
};

const queueNames = ["source", "reconcile", "sweep"] as const satisfies readonly QueueName[];

export const controlPlaneStackName = (engine: string): string => `Driftless-${engine}`;

/** Stack `Driftless-<engine>`. */
export class ControlPlaneStack extends Stack {
  readonly store: Store;
  readonly secrets: EngineSecrets;
  readonly resources: ResourceArns;
  readonly functions: EngineFunctions;
  readonly ingress: WebhookIngress;

  constructor(scope: Construct, settings: Settings) {
    const { fleet, concurrency, ingress } = settings;
    const { engine } = fleet;
    super(scope, controlPlaneStackName(engine), {
      description: `Driftless ${engine}: GitOps for EKS without controllers`,
    });
    // CloudFormation refuses tags on dashboards in some regions.
    Tags.of(this).add("driftless-engine", engine, { excludeResourceTypes: ["AWS::CloudWatch::Dashboard"] });

    this.store = new Store(this, "Store", { engine });
    this.secrets = new EngineSecrets(this, "Secrets", { engine });
    const queues = this.createQueues(engine);
    const { store, secrets } = this;
    this.resources = createResourceArns(this, { fleet, store, queues, secrets });
    this.functions = this.createFunctions(settings, queues);

    for (const name of queueNames) queues[name].deliverTo(this.functions[name].function, concurrency);
    this.scheduleEveryMinute(this.functions.tick.function);
    if (fleet.clusters.some(({ auditLogs }) => auditLogs)) this.admitAuditLogs(this.functions.audit.function);
    this.ingress = new WebhookIngress(this, "Ingress", {
      engine,
      webhook: this.functions.webhook.function,
      functionUrl: ingress === "function-url",
    });
    const { alarmTopic } = settings;
    const alarms = new EngineAlarms(this, "Alarms", {
      engine,
      functions: this.functions,
      queues,
      ...(alarmTopic === undefined ? {} : { alarmTopic }),
    });
    new EngineDashboard(this, "Dashboard", { engine, functions: this.functions, queues, alarms });
    this.printOutputs(queues);
  }

  private createQueues(engine: string): WorkQueues {
    const create = (name: QueueName, id: string) =>
      new WorkQueue(this, id, { engine, name, timeoutSeconds: functionShapes[name].timeoutSeconds });
    return {
      source: create("source", "SourceQueue"),
      reconcile: create("reconcile", "ReconcileQueue"),
      sweep: create("sweep", "SweepQueue"),
    };
  }

  private createFunctions({ fleet, bundles }: Settings, queues: WorkQueues): EngineFunctions {
    const { engine } = fleet;
    const fleetLayer = this.createFleetLayer(fleet);
    const kubectlLayer = new KubectlV36Layer(this, "Kubectl");
    const environments = functionEnvironments(this, engine, queues);
    const create = (name: FunctionName) =>
      new EngineFunction(this, `${name.charAt(0).toUpperCase()}${name.slice(1)}`, {
        engine,
        name,
        bundles,
        resources: this.resources,
        permissions: permissions[name],
        environment: environments[name],
        layers: [name === "render" ? kubectlLayer : fleetLayer],
        ...functionShapes[name],
      });
    return Object.fromEntries(functionNames.map((name) => [name, create(name)])) as EngineFunctions;
  }

  /** `/opt/driftless/fleet.json`, written anew so that white space in the file does not change the layer. */
  private createFleetLayer(fleet: Fleet): lambda.LayerVersion {
    const directory = join(Stage.of(this)?.outdir ?? ".", "fleet-layer");
    mkdirSync(join(directory, "driftless"), { recursive: true });
    writeFileSync(join(directory, "driftless/fleet.json"), `${JSON.stringify(fleet, null, 2)}\n`);
    return new lambda.LayerVersion(this, "Fleet", {
      code: lambda.Code.fromAsset(directory),
      description: "/opt/driftless/fleet.json: the clusters that this engine serves",
    });
  }

  private scheduleEveryMinute(tick: lambda.IFunction): void {
    const role = new iam.Role(this, "ScheduleRole", {
      description: "Lets the schedule invoke Driftless's tick",
      assumedBy: new iam.ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
      inlinePolicies: {
        Permissions: new iam.PolicyDocument({
          statements: [
            new iam.PolicyStatement({ sid: "Tick", actions: ["lambda:InvokeFunction"], resources: [tick.functionArn] }),
          ],
        }),
      },
    });
    new scheduler.CfnSchedule(this, "EveryMinute", {
      scheduleExpression: "rate(1 minute)",
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        arn: tick.functionArn,
        roleArn: role.roleArn,
        // A late tick has nothing that the next one would not do.
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: Duration.minutes(1).toSeconds() },
      },
    });
  }

  /** Of EKS clusters in this account and region; each cluster's stack subscribes its own. */
  private admitAuditLogs(audit: lambda.IFunction): void {
    const arn = this.formatArn({
      service: "logs",
      resource: "log-group",
      resourceName: `${auditLogGroup("*")}:*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    new lambda.CfnPermission(this, "AuditLogs", {
      action: "lambda:InvokeFunction",
      functionName: audit.functionArn,
      principal: "logs.amazonaws.com",
      sourceAccount: this.account,
      sourceArn: arn,
    });
  }

  private printOutputs(queues: WorkQueues): void {
    const { url } = this.ingress;
    const { secretArn } = this.secrets.webhook;
    const output = (id: string, value: string, description: string) => new CfnOutput(this, id, { value, description });
    output("WebhookUrl", `${url}/github`, "Payload URL of the webhook at GitHub (content type application/json)");
    output("ReceiverUrl", `${url}/hook`, "Base URL of the webhook paths in the status of Flux Receivers");
    output("WebhookSecretArn", secretArn, "Secret that signs webhooks");
    output(
      "WebhookSecretCommand",
      `aws secretsmanager get-secret-value --secret-id ${secretArn} --query SecretString --output text`,
      "Prints the secret to enter at the Git host",
    );
    for (const name of queueNames) {
      const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      output(`${id}QueueName`, queues[name].queue.queueName, `Queue of ${name} messages`);
      output(`${id}DeadLettersName`, queues[name].deadLetters.queueName, `Messages that ${name} could not take up`);
    }
  }
}

export type EngineFunctions = Readonly<Record<FunctionName, EngineFunction>>;

/** The functions' `config.ts` read these names. */
function functionEnvironments(
  { store, secrets }: Pick<ControlPlaneStack, "store" | "secrets">,
  engine: string,
  queues: WorkQueues,
): Readonly<Record<FunctionName, Record<string, string>>> {
  const all = { DRIFTLESS_ENGINE: engine };
  const working = {
    ...all,
    DRIFTLESS_TABLE: store.table.tableName,
    DRIFTLESS_QUEUE_SOURCE: queues.source.queue.queueUrl,
    DRIFTLESS_QUEUE_RECONCILE: queues.reconcile.queue.queueUrl,
    DRIFTLESS_QUEUE_SWEEP: queues.sweep.queue.queueUrl,
  };
  const fleet = { DRIFTLESS_FLEET_FILE: "/opt/driftless/fleet.json" };
  const entering = {
    ...working,
    ...fleet,
    DRIFTLESS_BUCKET: store.bucket.bucketName,
    DRIFTLESS_EXTERNAL_ID: externalId(engine),
  };
  return {
    webhook: { ...working, DRIFTLESS_WEBHOOK_SECRET: secrets.webhook.secretArn },
    audit: { ...working, ...fleet, DRIFTLESS_BUCKET: store.bucket.bucketName },
    tick: { ...working, ...fleet },
    sweep: entering,
    source: { ...entering, DRIFTLESS_DIGEST_SECRET: secrets.digest.secretArn },
    reconcile: {
      ...entering,
      DRIFTLESS_RENDER_FUNCTION: functionName(engine, "render"),
      DRIFTLESS_DIGEST_SECRET: secrets.digest.secretArn,
    },
    render: { ...all, DRIFTLESS_KUBECTL: "/opt/kubectl/kubectl" },
  };
}
