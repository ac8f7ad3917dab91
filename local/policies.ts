/** Gathers the template's IAM policies: who may do what, and what each resource's own policy says. */
import { type Statement, parsePolicy } from "./iam.ts";
import { type Json, list, optionalText, record, text, texts } from "./json.ts";
import type { Deployment, Resource } from "./template.ts";

export interface Role {
  readonly arn: string;
  readonly identity: readonly Statement[];
  readonly trust: readonly Statement[];
  readonly boundary: readonly Statement[] | undefined;
}

export interface PolicyStore {
  readonly roles: ReadonlyMap<string, Role>;
  /** Policies attached to the resource itself, by its ARN; an object's are its bucket's. */
  resourcePolicy(resource: string): readonly Statement[];
}

/** AWS's own policies that a role may carry, with what they say as far as it matters here. */
const managed: Readonly<Record<string, readonly string[]>> = {
  "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
  ],
};

/** @throws Error for a policy that this machine cannot evaluate. */
export function loadPolicies(deployment: Deployment): PolicyStore {
  const detached = new Map<string, Statement[]>();
  const attach = (role: string, statements: readonly Statement[]) => {
    detached.set(role, [...(detached.get(role) ?? []), ...statements]);
  };
  const policies = new Map<string, readonly Statement[]>();
  for (const policy of deployment.ofType("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")) {
    const statements = parsePolicy(policy.properties.PolicyDocument, `policy ${policy.logicalId}`);
    policies.set(policy.arn, statements);
    for (const role of texts(policy.properties.Roles, `roles of ${policy.logicalId}`)) attach(role, statements);
  }
  const roles = deployment
    .ofType("AWS::IAM::Role")
    .map((role) => readRole(role, detached.get(role.name) ?? [], policies));
  const byResource = resourcePolicies(deployment);
  for (const role of roles) byResource.set(role.arn, role.trust);
  return {
    roles: new Map(roles.map((role) => [role.arn, role])),
    resourcePolicy: (resource) => byResource.get(resource) ?? byResource.get(resource.split("/")[0] ?? "") ?? [],
  };
}

function readRole(
  role: Resource,
  attached: readonly Statement[],
  policies: ReadonlyMap<string, readonly Statement[]>,
): Role {
  const { properties, arn, logicalId } = role;
  const named = (policyArn: string): readonly Statement[] => {
    const known =
      policies.get(policyArn) ?? (managed[policyArn] === undefined ? undefined : allowAll(managed[policyArn]));
    if (known === undefined)
      throw new Error(`role ${logicalId} has policy ${policyArn}, whose content is not known on this machine`);
    return known;
  };
  const inline = list(properties.Policies).flatMap((value) => {
    const policy = record(value, `policy of ${logicalId}`);
    return parsePolicy(
      policy.PolicyDocument,
      `policy ${optionalText(policy.PolicyName, "name") ?? ""} of ${logicalId}`,
    );
  });
  const boundary = optionalText(properties.PermissionsBoundary, `boundary of ${logicalId}`);
  return {
    arn,
    identity: [
      ...inline,
      ...attached,
      ...texts(properties.ManagedPolicyArns, `policies of ${logicalId}`).flatMap(named),
    ],
    trust: parsePolicy(properties.AssumeRolePolicyDocument, `trust policy of ${logicalId}`),
    boundary: boundary === undefined ? undefined : named(boundary),
  };
}

const allowAll = (actions: readonly string[]): readonly Statement[] =>
  parsePolicy({ Statement: { Effect: "Allow", Action: actions, Resource: "*" } }, "managed policy");

function resourcePolicies(deployment: Deployment): Map<string, readonly Statement[]> {
  const byResource = new Map<string, readonly Statement[]>();
  const add = (arn: string, statements: readonly Statement[]) =>
    byResource.set(arn, [...(byResource.get(arn) ?? []), ...statements]);
  const arnOf = (type: string, reference: string): string => {
    const resource = deployment.ofType(type).find(({ ref, arn, name }) => [ref, arn, name].includes(reference));
    if (resource === undefined)
      throw new Error(`a policy names the ${type} ${reference}, which the template does not have`);
    return resource.arn;
  };
  for (const { properties, logicalId } of deployment.ofType("AWS::SQS::QueuePolicy")) {
    for (const queue of texts(properties.Queues, `queues of ${logicalId}`)) {
      add(arnOf("AWS::SQS::Queue", queue), parsePolicy(properties.PolicyDocument, logicalId));
    }
  }
  for (const { properties, logicalId } of deployment.ofType("AWS::S3::BucketPolicy")) {
    add(
      arnOf("AWS::S3::Bucket", text(properties.Bucket, logicalId)),
      parsePolicy(properties.PolicyDocument, logicalId),
    );
  }
  for (const { properties, arn, logicalId } of deployment.ofType("AWS::KMS::Key")) {
    add(arn, parsePolicy(properties.KeyPolicy, `key policy of ${logicalId}`));
  }
  for (const { properties, logicalId } of deployment.ofType("AWS::Lambda::Permission")) {
    add(arnOf("AWS::Lambda::Function", text(properties.FunctionName, logicalId)), [permission(properties, logicalId)]);
  }
  return byResource;
}

/** A Lambda permission is a statement of the function's resource-based policy. */
function permission(properties: Json, logicalId: string): Statement {
  const conditions: Json = {
    ...(properties.SourceArn === undefined ? {} : { ArnLike: { "aws:SourceArn": properties.SourceArn } }),
    ...(properties.SourceAccount === undefined
      ? {}
      : { StringEquals: { "aws:SourceAccount": properties.SourceAccount } }),
  };
  const [statement] = parsePolicy(
    {
      Statement: {
        Effect: "Allow",
        Principal: properties.Principal,
        Action: properties.Action,
        Condition: conditions,
      },
    },
    `permission ${logicalId}`,
  );
  if (statement === undefined) throw new Error(`permission ${logicalId} is empty`);
  return statement;
}
