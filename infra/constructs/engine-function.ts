/** One Lambda function of the engine with its own role, whose rights are the given ones and no others, and its own log. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

import { functionRoleName, functionRolePath } from "../../shared/config/cluster-roles.ts";
import type { FunctionName, Permission } from "../permissions.ts";
import { SettingsError } from "../settings.ts";
import type { ResourceArns } from "./resource-arns.ts";

export interface EngineFunctionProps {
  readonly engine: string;
  readonly name: FunctionName;
  readonly description: string;
  /** Directory with one folder per function. */
  readonly bundles: string;
  readonly memoryMegabytes: number;
  readonly timeoutSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly permissions: readonly Permission[];
  readonly resources: ResourceArns;
  readonly layers?: readonly lambda.ILayerVersion[];
  /** Its messages lead back to itself: Lambda's loop detection would drop the chain after about 16 of them. */
  readonly recursive?: boolean;
}

export class EngineFunction extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly log: logs.LogGroup;

  constructor(scope: Construct, id: string, props: EngineFunctionProps) {
    super(scope, id);
    const { engine, name, resources } = props;
    this.log = new logs.LogGroup(this, "Log", {
      logGroupName: `/driftless/${engine}/${name}`,
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, "Role", {
      path: functionRolePath,
      roleName: functionRoleName(engine, name),
      description: `Rights of Driftless's ${name} function`,
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
      inlinePolicies: { Permissions: policy(this, props.permissions, (resource) => resources.of(resource, this.log)) },
    });
    this.function = new lambda.Function(this, "Function", {
      functionName: functionName(engine, name),
      description: props.description,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.X86_64,
      code: lambda.Code.fromAsset(requireBundle(props.bundles, name)),
      handler: "handler.handler",
      memorySize: props.memoryMegabytes,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: { ...props.environment },
      // Immutable: otherwise the construct would add rights of its own to the role.
      role: this.role.withoutPolicyUpdates(),
      logGroup: this.log,
      layers: [...(props.layers ?? [])],
      ...(props.recursive ? { recursiveLoop: lambda.RecursiveLoop.ALLOW } : {}),
    });
  }
}

export const functionName = (engine: string, name: FunctionName): string => `${engine}-${name}`;

/** @throws SettingsError when the function was not built: an empty asset would deploy and then fail at its first event */
function requireBundle(bundles: string, name: FunctionName): string {
  const directory = join(bundles, name);
  if (existsSync(join(directory, "handler.mjs"))) return directory;
  throw new SettingsError(`${directory} has no handler.mjs: run "npm run build" first`);
}

function policy(
  scope: Construct,
  permissions: readonly Permission[],
  arns: (resource: Permission["resources"][number]) => readonly string[],
): iam.PolicyDocument {
  const { region, urlSuffix } = Stack.of(scope);
  return new iam.PolicyDocument({
    // One statement per line of the table, under its own name.
    minimize: false,
    statements: permissions.map(
      ({ sid, actions, resources, via }) =>
        new iam.PolicyStatement({
          sid,
          actions: [...actions],
          resources: resources.flatMap(arns),
          ...(via ? { conditions: { StringEquals: { "kms:ViaService": `${via}.${region}.${urlSuffix}` } } } : {}),
        }),
    ),
  });
}
