/**
 * Findings of cdk-nag that stand, each with its reason; every other finding fails the synth. Wildcards in resources are
 * acknowledged one by one, as the permission table holds them: one that comes from elsewhere is a finding.
 */
import { type Stack, Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

import { functionNames, permissions, type ResourceName } from "./permissions.ts";
import type { ControlPlaneStack } from "./stacks/control-plane.ts";

const reasons = {
  objects: "Objects below one prefix: their keys are digests and random names, which cannot be listed beforehand",
  roles: "Roles of one purpose of every cluster in the fleet; each one's trust policy names the functions it lets in",
  accessLog: "Only the engine's roles read the bucket; CloudTrail data events tell who did, where that is asked for",
  rotation: "The Git host holds the other half: both are changed together, by hand, as the installation page describes",
  digest: "Protects digests, not access: a new one only means that each source is fetched once more",
  signature:
    "A Git host cannot sign in to AWS: every request carries an HMAC of its body, verified before it is parsed",
} as const;

export function acknowledgeFindings(stack: ControlPlaneStack): void {
  acknowledge(stack.store.bucket, "AwsSolutions-S1", reasons.accessLog);
  acknowledge(stack.secrets.webhook, "AwsSolutions-SMG4", reasons.rotation);
  acknowledge(stack.secrets.digest, "AwsSolutions-SMG4", reasons.digest);
  acknowledge(stack.ingress, "AwsSolutions-APIG4", reasons.signature);
  for (const name of functionNames) {
    for (const resource of permissions[name].flatMap((permission) => permission.resources)) {
      const reason = reasonForWildcard(resource);
      if (reason === undefined) continue;
      for (const arn of stack.resources.of(resource, stack.functions[name].log)) {
        acknowledge(stack.functions[name].role, `AwsSolutions-IAM5[Resource::${asFinding(stack, arn)}]`, reason);
      }
    }
  }
}

function reasonForWildcard(resource: ResourceName): string | undefined {
  if (resource.startsWith("bucket/")) return reasons.objects;
  return resource.startsWith("role/") ? reasons.roles : undefined;
}

function acknowledge(scope: IConstruct, rule: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `AwsSolutions::${rule}`, reason });
}

/** An ARN as cdk-nag prints it: references in angle brackets. */
function asFinding(stack: Stack, arn: string): string {
  const print = (part: unknown): string => {
    if (typeof part === "string") return part;
    const { Ref, "Fn::GetAtt": attribute, "Fn::Join": join } = part as Intrinsic;
    if (join) return join[1].map(print).join(join[0]);
    return `<${Ref ?? attribute?.join(".") ?? ""}>`;
  };
  return print(stack.resolve(arn) as unknown);
}

interface Intrinsic {
  readonly Ref?: string;
  readonly "Fn::GetAtt"?: readonly string[];
  readonly "Fn::Join"?: readonly [string, readonly unknown[]];
}
