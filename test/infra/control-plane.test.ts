import { describe, expect, it } from "vitest";

import { functionNames, type FunctionName } from "../../infra/permissions.ts";
import { indexKeys } from "../../shared/lease/ports.ts";
import { metrics } from "../../shared/runtime/metrics.ts";
import { auditedFleet, print, resourcesOf, stack, synthesize, type Resource } from "./templates.ts";

const topic = "arn:aws:sns:eu-west-1:111122223333:alarms";
const template = stack(await synthesize(), "Driftless-prod-eu");
/** All that can be chosen, chosen otherwise, and no fleet file. */
const other = stack(
  await synthesize({ ingress: "function-url", concurrency: "7", alarmTopic: topic }),
  "Driftless-driftless",
);

const propertiesOf = (type: string, from = template) =>
  Object.values(resourcesOf(from, type)).map(({ Properties }) => Properties);

function functionOf(name: FunctionName): Resource {
  const all = Object.values(resourcesOf(template, "AWS::Lambda::Function"));
  const found = all.find((each) => each.Properties.FunctionName === `prod-eu-${name}`);
  if (!found) throw new Error(`no function ${name}`);
  return found;
}

describe("the functions", () => {
  it.each<[FunctionName, number, number, boolean]>([
    ["webhook", 256, 9, false],
    ["audit", 512, 60, false],
    ["tick", 512, 50, false],
    ["sweep", 1024, 120, true],
    ["source", 3008, 300, true],
    ["reconcile", 1769, 300, true],
    ["render", 1769, 120, false],
  ])("%s has %i MB, %i s and may trigger itself: %s", (name, memory, timeout, recursive) => {
    expect(functionOf(name).Properties).toMatchObject({
      Runtime: "nodejs24.x",
      Architectures: ["x86_64"],
      Handler: "handler.handler",
      MemorySize: memory,
      Timeout: timeout,
    });
    expect(functionOf(name).Properties.RecursiveLoop).toBe(recursive ? "Allow" : undefined);
  });

  it("are these seven", () => {
    expect(propertiesOf("AWS::Lambda::Function")).toHaveLength(functionNames.length);
  });

  it("have a layer each: the binaries for render, the fleet for the others", () => {
    const layers = Object.fromEntries(
      functionNames.map((name) => [name, (functionOf(name).Properties.Layers as unknown[]).map(print).join()]),
    );

    expect(layers.render).toMatch(/^<Kubectl/);
    for (const name of functionNames.filter((each) => each !== "render")) expect(layers[name]).toMatch(/^<Fleet/);
  });

  it("write to logs that end after a month", () => {
    const groups = Object.values(resourcesOf(template, "AWS::Logs::LogGroup"));

    expect(groups.map((group) => group.Properties.LogGroupName)).toEqual(
      expect.arrayContaining(functionNames.map((name) => `/driftless/prod-eu/${name}`)),
    );
    for (const group of groups) expect(group.Properties.RetentionInDays).toBe(30);
    for (const name of functionNames) expect(functionOf(name).Properties).toHaveProperty("LoggingConfig.LogGroup");
  });

  it("are told what the contract of the environment says", () => {
    const variables = (name: FunctionName) => {
      const environment = functionOf(name).Properties.Environment as { Variables: Record<string, unknown> };
      return Object.keys(environment.Variables).map((variable) => variable.replace("DRIFTLESS_", ""));
    };
    const working = ["ENGINE", "TABLE", "QUEUE_SOURCE", "QUEUE_RECONCILE", "QUEUE_SWEEP"];
    const entering = [...working, "FLEET_FILE", "BUCKET", "EXTERNAL_ID"];

    expect(variables("webhook")).toEqual([...working, "WEBHOOK_SECRET"]);
    expect(variables("audit")).toEqual([...working, "FLEET_FILE", "BUCKET"]);
    expect(variables("tick")).toEqual([...working, "FLEET_FILE"]);
    expect(variables("sweep")).toEqual(entering);
    expect(variables("source")).toEqual([...entering, "DIGEST_SECRET"]);
    expect(variables("reconcile")).toEqual([...entering, "RENDER_FUNCTION", "DIGEST_SECRET"]);
    expect(variables("render")).toEqual(["ENGINE", "KUBECTL"]);
  });
});

describe("the clusters' audit logs", async () => {
  const audited = stack(await synthesize(auditedFleet()), "Driftless-prod-eu");

  it("may be delivered by EKS clusters of this account, where the fleet has one that does", () => {
    const permissions = (from: typeof template) =>
      propertiesOf("AWS::Lambda::Permission", from).filter(({ Principal }) => Principal === "logs.amazonaws.com");

    const [permission, ...others] = permissions(audited);
    expect(others).toEqual([]);
    expect(print(permission?.SourceArn)).toBe(
      "arn:<Partition>:logs:<Region>:<AccountId>:log-group:/aws/eks/*/cluster:*",
    );
    expect(print(permission?.SourceAccount)).toBe("<AccountId>");
    expect(permissions(template)).toEqual([]);
  });
});

describe("the queues", () => {
  it.each<[string, number]>([
    ["source", 300],
    ["reconcile", 300],
    ["sweep", 120],
  ])("%s hides a message for the function's %i s and 30 more", (name, timeout) => {
    const queues = propertiesOf("AWS::SQS::Queue");

    expect(queues.find(({ QueueName }) => QueueName === `prod-eu-${name}`)).toMatchObject({
      VisibilityTimeout: timeout + 30,
      MessageRetentionPeriod: 6 * 3600,
      SqsManagedSseEnabled: true,
      RedrivePolicy: { maxReceiveCount: 5 },
    });
    const letters = queues.find(({ QueueName }) => QueueName === `prod-eu-${name}-dlq`);
    expect(letters).toMatchObject({ MessageRetentionPeriod: 14 * 86_400 });
    const { redrivePermission, sourceQueueArns } = letters?.RedriveAllowPolicy as Record<string, unknown>;
    expect(redrivePermission).toBe("byQueue");
    expect((sourceQueueArns as unknown[]).map(print)).toEqual([
      `arn:<Partition>:sqs:<Region>:<AccountId>:prod-eu-${name}`,
    ]);
  });

  it.each<[string, number, typeof template]>([
    ["two", 2, template],
    ["as many as the context says", 7, other],
  ])("deliver messages one by one, %s at a time, and take back those that fail", (_, MaximumConcurrency, from) => {
    const expected = {
      BatchSize: 1,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      ScalingConfig: { MaximumConcurrency },
    };

    expect(propertiesOf("AWS::Lambda::EventSourceMapping", from)).toMatchObject([expected, expected, expected]);
  });

  it("refuse plain HTTP", () => {
    const deny = { Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } };
    const policy = { PolicyDocument: { Statement: [deny] } };

    expect(propertiesOf("AWS::SQS::QueuePolicy")).toMatchObject(Array<unknown>(6).fill(policy));
  });
});

describe("the store", () => {
  it("has the three indexes of the table's port, by string keys", () => {
    const [table] = Object.values(resourcesOf(template, "AWS::DynamoDB::GlobalTable"));
    const indexes = table?.Properties.GlobalSecondaryIndexes as {
      IndexName: string;
      KeySchema: { AttributeName: string }[];
    }[];

    expect(
      Object.fromEntries(
        indexes.map(({ IndexName, KeySchema: [pk, sk] }) => [
          IndexName,
          { pk: pk?.AttributeName, sk: sk?.AttributeName },
        ]),
      ),
    ).toEqual(indexKeys);
    expect(table?.Properties.AttributeDefinitions).toSatisfy((all: { AttributeType: string }[]) =>
      all.every(({ AttributeType }) => AttributeType === "S"),
    );
  });

  it("forgets by `ttl`, can be restored, and outlives the stack", () => {
    const table = Object.values(resourcesOf(template, "AWS::DynamoDB::GlobalTable"));
    expect(table).toMatchObject([
      {
        DeletionPolicy: "Retain",
        Properties: {
          BillingMode: "PAY_PER_REQUEST",
          TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
          Replicas: [
            { DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
          ],
        },
      },
    ]);
    for (const type of ["AWS::S3::Bucket", "AWS::KMS::Key"]) {
      for (const resource of Object.values(resourcesOf(template, type))) expect(resource.DeletionPolicy).toBe("Retain");
    }
  });

  it("keeps the bucket private, versioned and encrypted, and lets hand-overs expire in a day", () => {
    expect(propertiesOf("AWS::S3::Bucket")).toMatchObject([
      {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        VersioningConfiguration: { Status: "Enabled" },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }],
        },
        LifecycleConfiguration: {
          Rules: [
            { Prefix: "handoff/", ExpirationInDays: 1, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
            { NoncurrentVersionExpiration: { NoncurrentDays: 30 } },
          ],
        },
      },
    ]);
    expect(propertiesOf("AWS::KMS::Key")).toMatchObject([{ EnableKeyRotation: true }]);
  });
});

describe("the door", () => {
  it("is an HTTP API with two routes and a throttle", () => {
    expect(propertiesOf("AWS::ApiGatewayV2::Route").map(({ RouteKey }) => RouteKey)).toEqual([
      "POST /github",
      "POST /hook/{id}",
    ]);
    expect(propertiesOf("AWS::ApiGatewayV2::Stage")).toMatchObject([
      {
        StageName: "$default",
        AutoDeploy: true,
        DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
      },
    ]);
    expect(propertiesOf("AWS::Lambda::Url")).toEqual([]);
  });

  it("is a function URL where that is asked for", () => {
    expect(propertiesOf("AWS::Lambda::Url", other)).toMatchObject([{ AuthType: "NONE" }]);
    expect(propertiesOf("AWS::ApiGatewayV2::Api", other)).toEqual([]);
  });
});

describe("the schedule", () => {
  it("starts the tick every minute, without a retry, by a role that can do nothing else", () => {
    const roles = propertiesOf("AWS::IAM::Role").filter(({ RoleName }) => RoleName === undefined);

    expect(propertiesOf("AWS::Scheduler::Schedule")).toMatchObject([
      {
        ScheduleExpression: "rate(1 minute)",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: { RetryPolicy: { MaximumRetryAttempts: 0 } },
      },
    ]);
    expect(roles).toMatchObject([
      {
        AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: "scheduler.amazonaws.com" } }] },
        Policies: [{ PolicyDocument: { Statement: [{ Action: "lambda:InvokeFunction" }] } }],
      },
    ]);
    expect(JSON.stringify(roles)).toMatch(/"Resource":\{"Fn::GetAtt":\["TickFunction/);
  });
});

describe("the outputs", () => {
  it("say where to send webhooks and how to read their secret, but not the secret", () => {
    const outputs = template.Outputs ?? {};

    expect(Object.keys(outputs)).toEqual([
      "WebhookUrl",
      "ReceiverUrl",
      "WebhookSecretArn",
      "WebhookSecretCommand",
      "SourceQueueName",
      "SourceDeadLettersName",
      "ReconcileQueueName",
      "ReconcileDeadLettersName",
      "SweepQueueName",
      "SweepDeadLettersName",
    ]);
    expect(print(outputs.WebhookUrl?.Value)).toMatch(/^https:\/\/<\w+>\.execute-api\.<Region>\.<URLSuffix>\/github$/);
    expect(print(outputs.WebhookSecretCommand?.Value)).toMatch(/^aws secretsmanager get-secret-value --secret-id </);
    expect(propertiesOf("AWS::SecretsManager::Secret")).toMatchObject(
      Array<unknown>(2).fill({ GenerateSecretString: { PasswordLength: 48 } }),
    );
    for (const secret of propertiesOf("AWS::SecretsManager::Secret")) expect(secret).not.toHaveProperty("SecretString");
  });
});

describe("the alarms", () => {
  const alarms = propertiesOf("AWS::CloudWatch::Alarm");
  const alarm = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `driftless-prod-eu-${name}`);
  const text = JSON.stringify(alarms);
  /** Tells something, but nothing that anybody must act upon. */
  const quiet: readonly string[] = ["WebhookUnknownRepository", "SweepRequests"];

  it("watch each metric of the engine with its pinned dimensions", () => {
    for (const [name, { dimensions }] of Object.entries(metrics)) {
      if (quiet.includes(name)) continue;
      if (dimensions.length > 0) {
        expect(text).toContain(`(${name}) FROM SCHEMA(\\"Driftless\\", Cluster) GROUP BY Cluster`);
      } else {
        const own = alarms.find(({ MetricName }) => MetricName === name);
        expect(own).toMatchObject({ Namespace: "Driftless" });
        expect(own).not.toHaveProperty("Dimensions");
      }
    }
  });

  it("ask for no metric that the engine does not write with exactly these dimensions", () => {
    const asked = alarms.flatMap(({ Namespace, MetricName, Dimensions = [], Metrics = [] }) => [
      ...(Namespace === "Driftless" ? [[MetricName, Dimensions]] : []),
      ...[
        ...JSON.stringify(Metrics).matchAll(/SELECT \w+\((\w+)\) FROM SCHEMA\(\\"(\w+)\\"((?:, \w+)*)\) GROUP BY/g),
      ].map(([, name, namespace, dimensions = ""]) => [name, dimensions.split(", ").filter(Boolean), namespace]),
    ]);

    expect(asked.length).toBeGreaterThanOrEqual(Object.keys(metrics).length - quiet.length);
    for (const [name, dimensions] of asked)
      expect([name, dimensions]).toEqual([name, metrics[name as keyof typeof metrics].dimensions]);
  });

  it("and the dashboard show every metric of the engine", () => {
    const shown = JSON.stringify(propertiesOf("AWS::CloudWatch::Dashboard"));

    for (const name of Object.keys(metrics)) expect(shown).toContain(name);
  });

  it("ring for one drift within one minute", () => {
    expect(alarm("DriftDetected")).toMatchObject({
      Threshold: 1,
      EvaluationPeriods: 1,
      ComparisonOperator: "GreaterThanOrEqualToThreshold",
      TreatMissingData: "notBreaching",
      Metrics: [{ Period: 60 }],
    });
  });

  it("ring when the tick is silent", () => {
    expect(alarm("TickMissed")).toMatchObject({
      MetricName: "Invocations",
      Period: 180,
      Threshold: 1,
      ComparisonOperator: "LessThanThreshold",
      TreatMissingData: "breaching",
    });
  });

  it("keep silent about the fleet while the engine is down", () => {
    const [down, fleet, drift] = Object.entries(resourcesOf(template, "AWS::CloudWatch::CompositeAlarm"));

    expect(down?.[1].Properties.AlarmName).toBe("driftless-prod-eu-EngineDown");
    expect(fleet?.[1].Properties.AlarmName).toBe("driftless-prod-eu-FleetUnhealthy");
    expect(print(fleet?.[1].Properties.ActionsSuppressor)).toBe(`<${down?.[0] ?? ""}.Arn>`);
    // A dead letter may lie for days; drift is news each time.
    expect(drift?.[1].Properties).not.toHaveProperty("ActionsSuppressor");
  });

  it("tell a topic where one is given, once for each cause", () => {
    const ringing = [
      ...propertiesOf("AWS::CloudWatch::Alarm", other),
      ...propertiesOf("AWS::CloudWatch::CompositeAlarm", other),
    ]
      .filter(({ AlarmActions }) => JSON.stringify(AlarmActions ?? []).includes(topic))
      .map(({ AlarmName }) => String(AlarmName).replace("driftless-driftless-", ""));

    expect(ringing.sort()).toEqual([
      "ApplyLag",
      "Drift",
      "EngineDown",
      "FleetUnhealthy",
      "FunctionErrors",
      "PrunePending",
      "ReconcileLag",
      "WebhookSignatureRejected",
      "WorkerDied",
    ]);
    expect(text).not.toContain("AlarmActions");
  });
});
