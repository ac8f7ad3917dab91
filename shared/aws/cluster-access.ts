/**
 * Opens the clusters of the fleet: assumes the cluster's role for one purpose, asks EKS where the API server is, and
 * connects with a token of that role. Connections are kept in the function's process for as long as they lead somewhere.
 */
import { DescribeClusterCommand, EKSClient } from "@aws-sdk/client-eks";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";

import { parseClusterArn } from "../config/cluster-arn.ts";
import { clusterRoleArn, type ClusterRolePurpose } from "../config/cluster-roles.ts";
import type { Fleet, FleetCluster } from "../config/fleet.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { createCluster } from "../kubernetes/create-cluster.ts";
import type { Connection } from "../kubernetes/transport.ts";
import { type AwsCredentials, createEksTokens } from "../kubernetes/eks-token.ts";
import { systemClock } from "../runtime/clock.ts";
import { type Environment, requireVariable } from "../runtime/environment.ts";
import { callAws } from "./aws-error.ts";
import { findCluster } from "./fleet-file.ts";
import { keepOpened } from "./opened-clusters.ts";

export interface ClusterAccess {
  /** @throws KubeError Unreachable when the role cannot be assumed or EKS does not know the cluster */
  readonly open: (name: string, purpose: ClusterRolePurpose) => Promise<Cluster>;
}

const sessionSeconds = 3600;

/** Told of every request and of the length of every answer, to whatever cluster. */
export type Meter = Pick<Connection, "onRequest" | "onBytes">;

export function createClusterAccess(fleet: Fleet, environment: Environment, meter: Meter = {}): ClusterAccess {
  const externalId = requireVariable(environment, "DRIFTLESS_EXTERNAL_ID");
  const sts = new STSClient({});
  return {
    open: keepOpened(async (name, purpose, lost) => {
      const member = findCluster(fleet, name);
      if (!member) throw new RangeError(`cluster ${name} is not in the fleet`);
      return connect(member, fleet.engine, purpose, { sts, externalId, lost, meter });
    }, systemClock),
  };
}

interface Connecting {
  readonly sts: STSClient;
  readonly externalId: string;
  readonly lost: () => void;
  readonly meter: Meter;
}

async function connect(
  member: FleetCluster,
  engine: string,
  purpose: ClusterRolePurpose,
  { sts, externalId, lost, meter }: Connecting,
): Promise<Cluster> {
  const arn = parseClusterArn(member.arn);
  if (!arn) throw new RangeError(`"${member.arn}" is not the ARN of an EKS cluster`);
  const roleArn = clusterRoleArn(engine, member, purpose);
  const credentials = assume(sts, roleArn, externalId, `driftless-${purpose}`);
  const eks = new EKSClient({ region: arn.region, credentials: async () => ({ ...(await credentials()) }) });
  const { endpoint, ca } = await asUnreachable(member, async () => {
    const command = new DescribeClusterCommand({ name: arn.cluster });
    const { cluster } = await callAws(`eks DescribeCluster of ${member.arn}`, () => eks.send(command));
    const data = cluster?.certificateAuthority?.data;
    if (!cluster?.endpoint || !data)
      throw new Error(`cluster is ${cluster?.status ?? "unknown"} and has no endpoint yet`);
    return { endpoint: cluster.endpoint, ca: Buffer.from(data, "base64").toString("utf8") };
  });
  const token = createEksTokens(credentials, arn.region, arn.cluster);
  return createCluster({
    server: endpoint.replace(/\/+$/, ""),
    ca,
    token: () => asUnreachable(member, token),
    onUnreachable: lost,
    ...meter,
  });
}

/** The role's credentials, taken again five minutes before they end. */
function assume(sts: STSClient, roleArn: string, externalId: string, session: string): () => Promise<AwsCredentials> {
  let current: AwsCredentials | undefined;
  return async () => {
    if (current?.expiration && current.expiration.getTime() - Date.now() > 5 * 60_000) return current;
    const command = new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: session,
      ExternalId: externalId,
      DurationSeconds: sessionSeconds,
    });
    const { Credentials } = await callAws(`sts AssumeRole of ${roleArn}`, () => sts.send(command));
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (!AccessKeyId || !SecretAccessKey) throw new Error(`sts AssumeRole of ${roleArn} gave no credentials`);
    current = {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      ...(SessionToken ? { sessionToken: SessionToken } : {}),
      ...(Expiration ? { expiration: Expiration } : {}),
    };
    return current;
  };
}

async function asUnreachable<T>({ name }: FleetCluster, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KubeError(0, "Unreachable", `cluster ${name} cannot be reached: ${reason}`, { cause: error });
  }
}
