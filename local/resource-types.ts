/** What `Ref` and `Fn::GetAtt` give for each resource type that runs on this machine, and which types may be left out. */
import { createHash } from "node:crypto";

import { type Json, optionalText } from "./json.ts";

/** Names and addresses of the account as the local services see it. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** Base of queue URLs, e.g. `http://127.0.0.1:4566`. */
  readonly gatewayUrl: string;
  /** Base of the HTTP API and the function URLs. */
  readonly ingressUrl: string;
}

export interface Identity {
  readonly name: string;
  /** What `Ref` gives. */
  readonly ref: string;
  readonly arn: string;
  readonly attributes: Readonly<Record<string, string>>;
}

type Describe = (name: string, place: Place, properties: Json) => Omit<Identity, "name">;

const arn = (place: Place, service: string, rest: string) =>
  `arn:aws:${service}:${place.region}:${place.account}:${rest}`;

/** A type whose Ref is its name. */
const named =
  (service: string, prefix: string): Describe =>
  (name, place) => {
    const own = arn(place, service, `${prefix}${name}`);
    return { ref: name, arn: own, attributes: { Arn: own } };
  };

/** A type whose Ref is its ARN. */
const byArn =
  (service: string, prefix: string): Describe =>
  (name, place) => {
    const own = arn(place, service, `${prefix}${name}`);
    return { ref: own, arn: own, attributes: { Arn: own, Id: own } };
  };

const queue: Describe = (name, place) => {
  const own = arn(place, "sqs", name);
  const url = `${place.gatewayUrl}/${place.account}/${name}`;
  return { ref: url, arn: own, attributes: { Arn: own, QueueName: name, QueueUrl: url } };
};

const bucket: Describe = (name) => {
  const own = `arn:aws:s3:::${name}`;
  return { ref: name, arn: own, attributes: { Arn: own, DomainName: `${name}.s3.amazonaws.com` } };
};

const role: Describe = (name, place, properties) => {
  const path = optionalText(properties.Path, "Path") ?? "/";
  const own = `arn:aws:iam::${place.account}:role${path}${name}`;
  return { ref: name, arn: own, attributes: { Arn: own, RoleId: `AROA${shortHash(own).toUpperCase()}` } };
};

const managedPolicy: Describe = (name, place, properties) => {
  const own = `arn:aws:iam::${place.account}:policy${optionalText(properties.Path, "Path") ?? "/"}${name}`;
  return { ref: own, arn: own, attributes: { PolicyArn: own } };
};

const key: Describe = (name, place) => {
  const id = uuidOf(`${place.account}/${name}`);
  const own = arn(place, "kms", `key/${id}`);
  return { ref: id, arn: own, attributes: { Arn: own, KeyId: id } };
};

const layer: Describe = (name, place) => {
  const own = arn(place, "lambda", `layer:${name}:1`);
  return { ref: own, arn: own, attributes: { LayerVersionArn: own } };
};

const functionUrl: Describe = (name, place, properties) => {
  const target = optionalText(properties.TargetFunctionArn, "TargetFunctionArn") ?? "";
  return { ref: target, arn: target, attributes: { FunctionArn: target, FunctionUrl: `${place.ingressUrl}/` } };
};

const api: Describe = (name, place) => {
  const id = shortHash(name).slice(0, 10);
  const own = `arn:aws:apigateway:${place.region}::/apis/${id}`;
  return { ref: id, arn: own, attributes: { ApiId: id, ApiEndpoint: place.ingressUrl } };
};

const topic: Describe = (name, place) => {
  const own = arn(place, "sns", name);
  return { ref: own, arn: own, attributes: { TopicArn: own, TopicName: name } };
};

const logGroup: Describe = (name, place) => {
  const own = arn(place, "logs", `log-group:${name}:*`);
  return { ref: name, arn: own, attributes: { Arn: own } };
};

/** Types that only describe something else; nothing refers to their ARN. */
const nameless: Describe = (name, place) => ({
  ref: name,
  arn: `arn:aws:local:${place.region}:${place.account}:${name}`,
  attributes: {},
});

const types: Readonly<Record<string, Describe>> = {
  "AWS::ApiGatewayV2::Api": api,
  "AWS::ApiGatewayV2::Integration": nameless,
  "AWS::ApiGatewayV2::Route": nameless,
  "AWS::ApiGatewayV2::Stage": nameless,
  "AWS::CloudWatch::Alarm": named("cloudwatch", "alarm:"),
  "AWS::CloudWatch::CompositeAlarm": named("cloudwatch", "alarm:"),
  "AWS::DynamoDB::GlobalTable": named("dynamodb", "table/"),
  "AWS::DynamoDB::Table": named("dynamodb", "table/"),
  "AWS::EKS::AccessEntry": nameless,
  "AWS::IAM::ManagedPolicy": managedPolicy,
  "AWS::IAM::Policy": nameless,
  "AWS::IAM::Role": role,
  "AWS::KMS::Alias": nameless,
  "AWS::KMS::Key": key,
  "AWS::Lambda::EventInvokeConfig": nameless,
  "AWS::Lambda::EventSourceMapping": nameless,
  "AWS::Lambda::Function": named("lambda", "function:"),
  "AWS::Lambda::LayerVersion": layer,
  "AWS::Lambda::Permission": nameless,
  "AWS::Lambda::Url": functionUrl,
  "AWS::Logs::LogGroup": logGroup,
  "AWS::Logs::SubscriptionFilter": nameless,
  "AWS::S3::Bucket": bucket,
  "AWS::S3::BucketPolicy": nameless,
  "AWS::SNS::Subscription": nameless,
  "AWS::SNS::Topic": topic,
  "AWS::SNS::TopicPolicy": nameless,
  "AWS::SQS::Queue": queue,
  "AWS::SQS::QueuePolicy": nameless,
  "AWS::Scheduler::Schedule": named("scheduler", "schedule/default/"),
  "AWS::Scheduler::ScheduleGroup": named("scheduler", "schedule-group/"),
  "AWS::SecretsManager::Secret": byArn("secretsmanager", "secret:"),
};

/** Types that mean nothing on one machine. */
const ignored = new Set([
  "AWS::CDK::Metadata",
  "AWS::CloudWatch::Dashboard",
  "AWS::Logs::MetricFilter",
  "AWS::SSM::Parameter",
  "AWS::SecretsManager::ResourcePolicy",
]);

/** The property by which a template may fix the physical name. */
const nameProperties = [
  ...[
    "FunctionName",
    "QueueName",
    "TableName",
    "BucketName",
    "RoleName",
    "ManagedPolicyName",
    "AliasName",
    "LayerName",
  ],
  ...["AlarmName", "TopicName", "LogGroupName", "Name"],
] as const;

export const isIgnoredType = (type: string): boolean => ignored.has(type);

/** The physical name and address of a resource. @throws Error for a type that does not run on this machine. */
export function identify(type: string, stack: string, logicalId: string, properties: Json, place: Place): Identity {
  const describe = types[type];
  if (describe === undefined) {
    throw new Error(`resource ${logicalId} of stack ${stack} has type ${type}, which does not run on this machine`);
  }
  const fixed = nameProperties.map((property) => properties[property]).find((value) => typeof value === "string");
  const name = typeof fixed === "string" ? fixed : generateName(type, stack, logicalId);
  const suffixed = type === "AWS::SecretsManager::Secret" ? `${name}-${shortHash(name).slice(0, 6)}` : name;
  return { name, ...describe(suffixed, place, properties) };
}

/** Like CloudFormation: stack, logical id and a suffix, cut to what the service admits. */
function generateName(type: string, stack: string, logicalId: string): string {
  const suffix = shortHash(`${stack}/${logicalId}`).toUpperCase();
  if (type === "AWS::S3::Bucket")
    return `${stack}-${logicalId}`.toLowerCase().slice(0, 48) + `-${suffix.toLowerCase()}`;
  const separator =
    type === "AWS::SQS::Queue" || type === "AWS::Lambda::Function" || type === "AWS::IAM::Role" ? 64 : 200;
  return `${`${stack}-${logicalId}`.slice(0, separator - suffix.length - 1)}-${suffix}`;
}

const shortHash = (value: string): string => createHash("sha256").update(value).digest("hex").slice(0, 12);

function uuidOf(value: string): string {
  const hash = createHash("sha256").update(value).digest("hex");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `4${hash.slice(13, 16)}`,
    `a${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join("-");
}
