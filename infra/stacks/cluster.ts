/**
 * What one cluster grants the engine: four roles and three access entries. A stack of its own in the cluster's account and
 * region, so that a deleted cluster cannot block the control plane.
 */
import { Stack, Tags } from "aws-cdk-lib";
import * as eks from "aws-cdk-lib/aws-eks";
import * as iam from "aws-cdk-lib/aws-iam";
import * as logs from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";

import { groups } from "../../shared/bootstrap/names.ts";
import { auditFilterPattern } from "../../shared/audit/filter-pattern.ts";
import { auditLogGroup } from "../../shared/audit/handle.ts";
import { type ClusterArn, parseClusterArn } from "../../shared/config/cluster-arn.ts";
import {
  clusterRoleName,
  clusterRolePath,
  externalId,
  functionRoleName,
  functionRolePath,
  type ClusterRolePurpose,
} from "../../shared/config/cluster-roles.ts";
import type { Fleet, FleetCluster } from "../../shared/config/fleet.ts";
import { functionName } from "../constructs/engine-function.ts";
import { functionsThatAssume } from "../permissions.ts";

export interface ClusterStackProps {
  readonly fleet: Fleet;
  readonly cluster: FleetCluster;
}

export const clusterStackName = (engine: string, cluster: string): string => `Driftless-${engine}-cluster-${cluster}`;

/** Stack `Driftless-<engine>-cluster-<name>`. */
export class ClusterStack extends Stack {
  constructor(scope: Construct, { fleet, cluster }: ClusterStackProps) {
    const { engine } = fleet;
    const arn = parseClusterArn(cluster.arn);
    if (!arn) throw new RangeError(`"${cluster.arn}" is not the ARN of an EKS cluster`);
    super(scope, clusterStackName(engine, cluster.name), {
      env: { account: arn.account, region: arn.region },
      description: `Driftless ${engine}: what the cluster ${cluster.name} grants it`,
    });
    Tags.of(this).add("driftless-engine", engine);

    const createRole = (purpose: ClusterRolePurpose, id: string, statements: readonly iam.PolicyStatement[]) =>
      new iam.Role(this, id, {
        path: clusterRolePath,
        roleName: clusterRoleName(engine, cluster.name, purpose),
        description: `Driftless ${engine}: ${purpose} on the cluster ${cluster.name}`,
        assumedBy: this.engineRoles(engine, purpose, fleet.account ?? arn.account),
        ...(statements.length > 0
          ? { inlinePolicies: { Permissions: new iam.PolicyDocument({ statements: [...statements] }) } }
          : {}),
      });
    const describe = () =>
      new iam.PolicyStatement({ sid: "FindEndpoint", actions: ["eks:DescribeCluster"], resources: [cluster.arn] });
    const decrypt = (keys: readonly string[]) =>
      new iam.PolicyStatement({ sid: "DecryptSops", actions: ["kms:Decrypt"], resources: [...keys] });

    const apply = createRole("apply", "Apply", [describe()]);
    const sweep = createRole("sweep", "Sweep", [describe()]);
    const source = createRole("source", "Source", [describe()]);
    createRole("decrypt", "Decrypt", cluster.decryptionKeys?.length ? [decrypt(cluster.decryptionKeys)] : []);

    // EKS does not ask whether a group is bound: bootstrap does that, before anything needs it.
    this.createEntry("ApplyEntry", arn.cluster, apply, {
      ...(cluster.lockdown
        ? { kubernetesGroups: [groups.impersonate] }
        : { accessPolicies: [this.accessPolicy("AmazonEKSClusterAdminPolicy")] }),
    });
    this.createEntry("SweepEntry", arn.cluster, sweep, {
      accessPolicies: [this.accessPolicy("AmazonEKSAdminViewPolicy")],
    });
    this.createEntry("SourceEntry", arn.cluster, source, { kubernetesGroups: [groups.source] });
    if (cluster.auditLogs) this.subscribeToAuditLog(engine, arn);
  }

  /**
   * The functions' roles by ARN in a condition: named as principals they would be stored as ids, and a role that is made
   * anew would be locked out for ever.
   */
  private engineRoles(engine: string, purpose: ClusterRolePurpose, account: string): iam.IPrincipal {
    return new iam.AccountPrincipal(account).withConditions({
      ArnEquals: {
        "aws:PrincipalArn": functionsThatAssume(purpose).map(
          (name) => `arn:${this.partition}:iam::${account}:role${functionRolePath}${functionRoleName(engine, name)}`,
        ),
      },
      StringEquals: { "sts:ExternalId": externalId(engine) },
    });
  }

  /** EKS creates the log group when the log type `audit` is switched on; the engine's function must be there before. */
  private subscribeToAuditLog(engine: string, { partition, account, region, cluster }: ClusterArn): void {
    new logs.CfnSubscriptionFilter(this, "AuditLog", {
      filterName: `driftless-${engine}`,
      logGroupName: auditLogGroup(cluster),
      filterPattern: auditFilterPattern(engine, { partition, account }),
      destinationArn: `arn:${partition}:lambda:${region}:${account}:function:${functionName(engine, "audit")}`,
    });
  }

  private createEntry(
    id: string,
    clusterName: string,
    role: iam.Role,
    grants: Pick<eks.CfnAccessEntryProps, "accessPolicies" | "kubernetesGroups">,
  ): void {
    new eks.CfnAccessEntry(this, id, { clusterName, principalArn: role.roleArn, ...grants });
  }

  private accessPolicy(name: string): eks.CfnAccessEntry.AccessPolicyProperty {
    return {
      policyArn: `arn:${this.partition}:eks::aws:cluster-access-policy/${name}`,
      accessScope: { type: "cluster" },
    };
  }
}
