/** A small hand-written cloud assembly that uses every resource type of the engine, and the directory that holds it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { type LocalAws, type LocalOptions, startLocal } from "../../local/run.ts";

export const account = "111122223333";
export const region = "eu-west-1";
export const clusterArn = `arn:aws:eks:${region}:${account}:cluster/production`;
export const externalId = "driftless-test";

type Properties = Readonly<Record<string, unknown>>;

const get = (id: string, attribute = "Arn") => ({ "Fn::GetAtt": [id, attribute] });
const resource = (Type: string, Properties: Properties) => ({ Type, Properties });

const role = (statements: readonly Properties[], service = "lambda.amazonaws.com") =>
  resource("AWS::IAM::Role", {
    AssumeRolePolicyDocument: {
      Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: service } }],
    },
    Policies: [{ PolicyName: "Permissions", PolicyDocument: { Statement: statements } }],
  });

const allow = (Action: string | readonly string[], Resource: unknown) => ({ Effect: "Allow", Action, Resource });
const writeLog = allow(["logs:CreateLogStream", "logs:PutLogEvents"], "*");

const lambda = (name: string, roleId: string, more: Properties = {}) =>
  resource("AWS::Lambda::Function", {
    FunctionName: `test-${name}`,
    Code: { S3Key: `${name}.zip` },
    Handler: "handler.handler",
    Role: get(roleId),
    Timeout: 5,
    ...more,
  });

const objects = { "Fn::Join": ["", [get("Bucket"), "/*"]] };

/** The template; `worker` adds properties to the queue's function. */
export function template(worker: Properties = {}): Properties {
  return {
    Resources: {
      Key: resource("AWS::KMS::Key", {
        KeyPolicy: {
          Statement: [
            {
              ...allow("kms:*", "*"),
              Principal: { AWS: { "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" } },
            },
          ],
        },
      }),
      Alias: resource("AWS::KMS::Alias", { AliasName: "alias/driftless-test", TargetKeyId: get("Key") }),
      MacKey: resource("AWS::KMS::Key", {
        KeySpec: "HMAC_256",
        KeyUsage: "GENERATE_VERIFY_MAC",
        KeyPolicy: { Statement: [{ ...allow("kms:*", "*"), Principal: { AWS: `arn:aws:iam::${account}:root` } }] },
      }),
      Bucket: resource("AWS::S3::Bucket", {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            { ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: get("Key") } },
          ],
        },
      }),
      BucketPolicy: resource("AWS::S3::BucketPolicy", {
        Bucket: { Ref: "Bucket" },
        PolicyDocument: {
          Statement: [
            {
              ...{ Effect: "Deny", Action: "s3:*", Resource: [get("Bucket"), objects], Principal: { AWS: "*" } },
              Condition: { Bool: { "aws:SecureTransport": "false" } },
            },
          ],
        },
      }),
      Table: resource("AWS::DynamoDB::GlobalTable", {
        KeySchema: [
          { AttributeName: "pk", KeyType: "HASH" },
          { AttributeName: "sk", KeyType: "RANGE" },
        ],
        AttributeDefinitions: ["pk", "sk", "dpk", "dsk"].map((AttributeName) => ({
          AttributeName,
          AttributeType: "S",
        })),
        GlobalSecondaryIndexes: [
          {
            IndexName: "due",
            KeySchema: [
              { AttributeName: "dpk", KeyType: "HASH" },
              { AttributeName: "dsk", KeyType: "RANGE" },
            ],
            Projection: { ProjectionType: "ALL" },
          },
        ],
        TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
      }),
      Secret: resource("AWS::SecretsManager::Secret", {
        GenerateSecretString: { PasswordLength: 48, ExcludePunctuation: true },
      }),
      Dead: resource("AWS::SQS::Queue", {}),
      Work: resource("AWS::SQS::Queue", {
        QueueName: "test-work",
        VisibilityTimeout: 1,
        RedrivePolicy: { deadLetterTargetArn: get("Dead"), maxReceiveCount: 5 },
      }),
      Side: resource("AWS::SQS::Queue", {
        QueueName: "test-side",
        VisibilityTimeout: 30,
        RedrivePolicy: { deadLetterTargetArn: get("Dead"), maxReceiveCount: 5 },
      }),
      WorkerRole: role([
        allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], get("Work")),
        allow("sqs:SendMessage", get("Side")),
        allow("s3:GetObject", { "Fn::Join": ["", [get("Bucket"), "/allowed/*"]] }),
        allow("s3:PutObject", { "Fn::Join": ["", [get("Bucket"), "/allowed/*"]] }),
        {
          ...allow(["kms:Decrypt", "kms:GenerateDataKey"], get("Key")),
          Condition: { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } },
        },
        allow(["dynamodb:PutItem", "dynamodb:GetItem"], get("Table")),
        allow("lambda:InvokeFunction", get("Render")),
        allow("sts:AssumeRole", `arn:aws:iam::${account}:role/driftless/*`),
        writeLog,
      ]),
      Worker: lambda("worker", "WorkerRole", {
        Environment: {
          Variables: { SIDE_QUEUE: { Ref: "Side" }, BUCKET: { Ref: "Bucket" }, FLEET: "/opt/driftless/fleet.json" },
        },
        Layers: [{ Ref: "FleetLayer" }],
        ...worker,
      }),
      FleetLayer: resource("AWS::Lambda::LayerVersion", { Content: { S3Key: "fleet.zip" } }),
      Delivery: resource("AWS::Lambda::EventSourceMapping", {
        ...{ BatchSize: 1, EventSourceArn: get("Work"), FunctionName: { Ref: "Worker" } },
        ...{ FunctionResponseTypes: ["ReportBatchItemFailures"], ScalingConfig: { MaximumConcurrency: 2 } },
      }),
      RenderRole: role([writeLog]),
      Render: lambda("render", "RenderRole", { Timeout: 1 }),
      ScheduleRole: role([allow("lambda:InvokeFunction", get("Render"))], "scheduler.amazonaws.com"),
      EveryMinute: resource("AWS::Scheduler::Schedule", {
        ScheduleExpression: "rate(1 minute)",
        Target: { Arn: get("Render"), RoleArn: get("ScheduleRole"), Input: '{"tick":true}' },
      }),
      WebhookRole: role([allow("secretsmanager:GetSecretValue", { Ref: "Secret" }), writeLog]),
      Webhook: lambda("webhook", "WebhookRole", {
        Environment: { Variables: { DRIFTLESS_WEBHOOK_SECRET: { Ref: "Secret" } } },
      }),
      Api: resource("AWS::ApiGatewayV2::Api", { Name: "test", ProtocolType: "HTTP" }),
      Integration: resource("AWS::ApiGatewayV2::Integration", {
        ...{
          ApiId: { Ref: "Api" },
          IntegrationType: "AWS_PROXY",
          PayloadFormatVersion: "2.0",
          IntegrationUri: get("Webhook"),
        },
      }),
      Route: resource("AWS::ApiGatewayV2::Route", {
        ...{
          ApiId: { Ref: "Api" },
          RouteKey: "POST /github",
          Target: { "Fn::Join": ["", ["integrations/", { Ref: "Integration" }]] },
        },
      }),
      Permission: resource("AWS::Lambda::Permission", {
        ...{ Action: "lambda:InvokeFunction", FunctionName: get("Webhook"), Principal: "apigateway.amazonaws.com" },
        SourceArn: { "Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*/github" },
      }),
      ClusterRole: resource("AWS::IAM::Role", {
        Path: "/driftless/",
        RoleName: "driftless-test-apply",
        AssumeRolePolicyDocument: {
          Statement: [
            {
              ...{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: `arn:aws:iam::${account}:root` } },
              Condition: {
                ArnEquals: { "aws:PrincipalArn": get("WorkerRole") },
                StringEquals: { "sts:ExternalId": externalId },
              },
            },
          ],
        },
        Policies: [
          { PolicyName: "Permissions", PolicyDocument: { Statement: [allow("eks:DescribeCluster", clusterArn)] } },
        ],
      }),
      Entry: resource("AWS::EKS::AccessEntry", {
        ...{ ClusterName: "production", PrincipalArn: get("ClusterRole"), KubernetesGroups: ["driftless:reconcilers"] },
        AccessPolicies: [
          {
            PolicyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            AccessScope: { Type: "cluster" },
          },
        ],
      }),
      Alarm: resource("AWS::CloudWatch::Alarm", {
        ...{ AlarmName: "DeadLetters", Namespace: "AWS/SQS", MetricName: "ApproximateNumberOfMessagesVisible" },
        ...{ Dimensions: [{ Name: "QueueName", Value: get("Dead", "QueueName") }], Statistic: "Maximum", Period: 60 },
        ...{
          EvaluationPeriods: 1,
          Threshold: 1,
          ComparisonOperator: "GreaterThanOrEqualToThreshold",
          TreatMissingData: "notBreaching",
        },
      }),
    },
    Outputs: {
      BucketName: { Value: { Ref: "Bucket" } },
      TableName: { Value: { Ref: "Table" } },
      SideUrl: { Value: { Ref: "Side" } },
      WorkUrl: { Value: { Ref: "Work" } },
      DeadUrl: { Value: { Ref: "Dead" } },
      KeyArn: { Value: get("Key") },
      MacKeyArn: { Value: get("MacKey") },
      SecretArn: { Value: { Ref: "Secret" } },
      ClusterRoleArn: { Value: get("ClusterRole") },
      WorkerRoleArn: { Value: get("WorkerRole") },
    },
  };
}

const idle = "export const handler = async () => ({});\n";

export interface TestLocal extends LocalAws {
  readonly directory: string;
  readonly lines: readonly string[];
  output(name: string): string;
}

export interface TestLocalOptions extends Partial<LocalOptions> {
  /** Source of `handler.mjs` by function; the others do nothing. */
  readonly handlers?: Readonly<Record<string, string>>;
  readonly template?: Properties;
  /** Reuses the directory of an earlier run. */
  readonly directory?: string;
}

/** Runs the template; `stop()` also removes the directory unless it was given. */
export async function startTestLocal({
  handlers = {},
  template: given,
  directory: kept,
  ...options
}: TestLocalOptions = {}): Promise<TestLocal> {
  const directory = kept ?? mkdtempSync(path.join(tmpdir(), "driftless-local-"));
  const assembly = writeAssembly(directory, given ?? template(), handlers);
  const lines: string[] = [];
  const local = await startLocal({
    ...{ assembly, stateDir: path.join(directory, "state"), onLog: (line) => lines.push(line), schedule: false },
    clusters: new Map([[clusterArn, { endpoint: "https://127.0.0.1:6443", caPem: "-----BEGIN CERTIFICATE-----" }]]),
    environment: { account, region },
    ...options,
  });
  return {
    ...local,
    ...{ directory, lines },
    output: (name) => String(local.deployment.outputs.get("test")?.[name]),
    async stop() {
      await local.stop();
      if (kept === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

function writeAssembly(directory: string, body: Properties, handlers: Readonly<Record<string, string>>): string {
  const assembly = path.join(directory, "cdk.out");
  const asset = (name: string, file: string, content: string) => {
    mkdirSync(path.dirname(path.join(assembly, name, file)), { recursive: true });
    writeFileSync(path.join(assembly, name, file), content);
    return [name, { source: { path: name, packaging: "zip" }, destinations: { local: { objectKey: `${name}.zip` } } }];
  };
  const files = [
    ...["worker", "render", "webhook"].map((name) => asset(name, "handler.mjs", handlers[name] ?? idle)),
    asset("fleet", "driftless/fleet.json", '{"engine":"test","clusters":[]}'),
  ];
  writeFileSync(path.join(assembly, "test.template.json"), JSON.stringify(body));
  writeFileSync(
    path.join(assembly, "test.assets.json"),
    JSON.stringify({ files: Object.fromEntries(files) as unknown }),
  );
  return assembly;
}

/** Resolves when the condition holds. @throws Error after `seconds`. */
export async function eventually<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 10,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error("the condition did not come true in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
