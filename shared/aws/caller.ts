/**
 * What a person's own AWS credentials can reach, for the command line: the clusters of a fleet by that person's access
 * entries, and the engine's table and queues, so that a request is seen at once. No role of the engine is assumed.
 */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DescribeClusterCommand, EKSClient } from "@aws-sdk/client-eks";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";

import { parseClusterArn } from "../config/cluster-arn.ts";
import type { FleetCluster } from "../config/fleet.ts";
import { KubeError, type Cluster } from "../kubernetes/cluster.ts";
import { createCluster } from "../kubernetes/create-cluster.ts";
import { createEksTokens } from "../kubernetes/eks-token.ts";
import type { Table } from "../lease/ports.ts";
import { trigger } from "../lease/trigger.ts";
import { systemClock } from "../runtime/clock.ts";
import { requireVariable, type Environment } from "../runtime/environment.ts";
import { AwsError, callAws } from "./aws-error.ts";
import { createS3BlobStore } from "./blob-store.ts";
import { createSqsQueues } from "./queues.ts";
import { createDynamoTable } from "./table.ts";

/** @throws KubeError Unreachable when EKS does not tell where the cluster is */
export async function openClusterAsCaller({ name, arn }: FleetCluster): Promise<Cluster> {
  const parsed = parseClusterArn(arn);
  if (!parsed) throw new RangeError(`"${arn}" is not the ARN of an EKS cluster`);
  const eks = new EKSClient({ region: parsed.region });
  const { cluster } = await callAws(`eks DescribeCluster of ${arn}`, () =>
    eks.send(new DescribeClusterCommand({ name: parsed.cluster })),
  ).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KubeError(0, "Unreachable", `cluster ${name} cannot be reached: ${reason}`, { cause: error });
  });
  const authority = cluster?.certificateAuthority?.data;
  if (!cluster?.endpoint || !authority)
    throw new KubeError(0, "Unreachable", `cluster ${name} has no endpoint yet, it is ${cluster?.status ?? "unknown"}`);
  return createCluster({
    server: cluster.endpoint.replace(/\/+$/u, ""),
    ca: Buffer.from(authority, "base64").toString("utf8"),
    token: createEksTokens(() => eks.config.credentials(), parsed.region, parsed.cluster),
  });
}

/** Variables that say where the engine is; without all of them it cannot be woken from here. */
export const engineVariables = [
  "DRIFTLESS_TABLE",
  "DRIFTLESS_QUEUE_SOURCE",
  "DRIFTLESS_QUEUE_RECONCILE",
  "DRIFTLESS_QUEUE_SWEEP",
] as const;

/** The engine's table, to be read. */
export const createCallerTable = (environment: Environment): Pick<Table, "query"> =>
  createDynamoTable(new DynamoDBClient(clientOf(environment)), requireVariable(environment, "DRIFTLESS_TABLE"));

/** The SDK's own variables may stand in the environment too, as a local engine needs them. */
function clientOf(environment: Environment) {
  const { AWS_ENDPOINT_URL: endpoint, AWS_REGION: region, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = environment;
  return {
    ...(endpoint ? { endpoint } : {}),
    ...(region ? { region } : {}),
    ...(AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY
      ? {
          credentials: {
            accessKeyId: AWS_ACCESS_KEY_ID,
            secretAccessKey: AWS_SECRET_ACCESS_KEY,
            ...(environment.AWS_SESSION_TOKEN ? { sessionToken: environment.AWS_SESSION_TOKEN } : {}),
          },
        }
      : {}),
  };
}

/**
 * Reads what an address of the form `s3://<bucket>/<key>` names.
 * @throws AwsError
 */
export async function fetchAsCaller(environment: Environment, url: string): Promise<Uint8Array> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/u.exec(url) ?? [];
  if (bucket === undefined || key === undefined) throw new AwsError("refused", `${url} is no address in S3`);
  const bytes = await createS3BlobStore(new S3Client(clientOf(environment)), bucket).get(key);
  if (!bytes) throw new AwsError("missing", `${url} is not there any more`);
  return bytes;
}

/** Wakes the engine for one key. */
export function createCallerTrigger(environment: Environment): (key: string, why: string) => Promise<void> {
  const variable = (name: string) => requireVariable(environment, name);
  const client = clientOf(environment);
  const table = createDynamoTable(new DynamoDBClient(client), variable("DRIFTLESS_TABLE"));
  const queues = createSqsQueues(new SQSClient(client), {
    source: variable("DRIFTLESS_QUEUE_SOURCE"),
    reconcile: variable("DRIFTLESS_QUEUE_RECONCILE"),
    sweep: variable("DRIFTLESS_QUEUE_SWEEP"),
  });
  return async (key, why) => {
    await trigger({ table, queues, clock: systemClock }, key, { why });
  };
}
