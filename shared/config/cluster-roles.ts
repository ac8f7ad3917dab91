/**
 * The one place that names IAM roles. The stacks create them, the functions assume them, and the function roles' policies
 * match them by pattern; all three must agree.
 */
import { createHash } from "node:crypto";

import { parseClusterArn, type ClusterArn } from "./cluster-arn.ts";
import type { Fleet } from "./fleet.ts";

/**
 * - `apply`: bootstraps and impersonates the ServiceAccount that Flux would use.
 * - `sweep`: reads.
 * - `source`: reads the Secrets that sources name and patches their status.
 * - `decrypt`: uses KMS keys; has no access to the cluster.
 */
export const clusterRolePurposes = ["apply", "sweep", "source", "decrypt"] as const;
export type ClusterRolePurpose = (typeof clusterRolePurposes)[number];

export const clusterRolePath = "/driftless/";
/** Apart from the clusters' path, so that no pattern over cluster roles matches a function's role. */
export const functionRolePath = "/driftless/functions/";

/** IAM's limit for a role name. */
const longestRoleName = 64;

/** Of the names of all roles of an engine. */
export const clusterRoleNamePrefix = (engine: string): string => `driftless-${engine}-`;

/** `driftless-<engine>-<cluster>-<purpose>`; a name over 64 characters keeps its ends and gets a digest of the cluster. */
export function clusterRoleName(engine: string, cluster: string, purpose: ClusterRolePurpose): string {
  const named = (middle: string) => `${clusterRoleNamePrefix(engine)}${middle}-${purpose}`;
  if (named(cluster).length <= longestRoleName) return named(cluster);
  const digest = createHash("sha256").update(cluster).digest("hex").slice(0, 8);
  const room = longestRoleName - named("").length - digest.length - 1;
  return named(`${cluster.slice(0, room)}-${digest}`);
}

/** A role's inline policies hold 10,240 characters; beyond so many accounts the pattern leaves the account open. */
export const mostAccountsNamed = 20;

/**
 * ARNs with `*` that match the roles of one purpose of all clusters: a fleet of a thousand clusters does not fit one by
 * one, and each role's trust policy is the other lock.
 */
export function clusterRolePatterns(
  fleet: Fleet,
  purpose: ClusterRolePurpose,
  engineHome: { readonly partition: string; readonly account: string },
): readonly string[] {
  const accounts = [...new Set(fleet.clusters.map(({ arn }) => requireClusterArn(arn).account))].sort();
  const named = accounts.length === 0 ? [engineHome.account] : accounts.length > mostAccountsNamed ? ["*"] : accounts;
  return named.map(
    (account) =>
      `arn:${engineHome.partition}:iam::${account}:role${clusterRolePath}driftless-${fleet.engine}-*-${purpose}`,
  );
}

/**
 * ARN of a cluster's role. The role lives in the cluster's account.
 * @throws RangeError when the cluster's ARN is not one of EKS
 */
export function clusterRoleArn(
  engine: string,
  cluster: { readonly name: string; readonly arn: string },
  purpose: ClusterRolePurpose,
): string {
  const { partition, account } = requireClusterArn(cluster.arn);
  return `arn:${partition}:iam::${account}:role${clusterRolePath}${clusterRoleName(engine, cluster.name, purpose)}`;
}

export const functionRoleName = (engine: string, functionName: string): string => `driftless-${engine}-${functionName}`;

/** Asked for whenever a cluster's role is assumed, so that no other party's request can be mistaken for the engine's. */
export const externalId = (engine: string): string => `driftless/${engine}`;

function requireClusterArn(arn: string): ClusterArn {
  const parsed = parseClusterArn(arn);
  if (!parsed) throw new RangeError(`"${arn}" is not the ARN of an EKS cluster`);
  return parsed;
}
