/**
 * What each function may do in AWS: the whole list. A construct turns names of resources into ARNs; no other place adds a
 * right to a function's role. Cluster roles trust exactly the functions that this list lets assume them.
 */
import type { ClusterRolePurpose } from "../shared/config/cluster-roles.ts";
import type { QueueName } from "../shared/lease/message.ts";
import type { IndexName } from "../shared/lease/ports.ts";

export const functionNames = ["webhook", "audit", "tick", "sweep", "source", "reconcile", "render"] as const;
export type FunctionName = (typeof functionNames)[number];

/** `bucket/<prefix>` is every key below a prefix, `role/<purpose>` that role of every cluster in the fleet. */
export type ResourceName =
  | "table"
  | `index/${IndexName}`
  | "bucket"
  | `bucket/${string}/*`
  | "key"
  | `queue/${QueueName}`
  | "secret/webhook"
  | "secret/digest"
  | "function/render"
  | `role/${ClusterRolePurpose}`
  | "log";

export interface Permission {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly ResourceName[];
  /** The right holds only for requests that this service makes on the function's behalf. */
  readonly via?: "s3";
}

const writeLog: Permission = {
  sid: "WriteLog",
  actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
  resources: ["log"],
};

/** What an event source mapping does with the function's role. */
const consume = (queue: QueueName): Permission => ({
  sid: "Consume",
  actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
  resources: [`queue/${queue}`],
});

const send = (...queues: readonly QueueName[]): Permission => ({
  sid: "Send",
  actions: ["sqs:SendMessage"],
  resources: queues.map((queue) => `queue/${queue}` as const),
});

const assume = (...purposes: readonly ClusterRolePurpose[]): Permission => ({
  sid: "EnterClusters",
  actions: ["sts:AssumeRole"],
  resources: purposes.map((purpose) => `role/${purpose}` as const),
});

/** Without the right to list, S3 answers 403 for a key that is not there. */
const tellMissingKeys: Permission = { sid: "TellMissingKeys", actions: ["s3:ListBucket"], resources: ["bucket"] };

/** S3 encrypts the bucket's objects with the stack's key, in the name of whoever reads or writes. */
const useKey: Permission = {
  sid: "UseKeyThroughS3",
  actions: ["kms:Decrypt", "kms:GenerateDataKey"],
  resources: ["key"],
  via: "s3",
};

export const permissions: Readonly<Record<FunctionName, readonly Permission[]>> = {
  webhook: [
    {
      sid: "Rows",
      actions: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"],
      resources: ["table"],
    },
    send("source"),
    { sid: "ReadWebhookSecret", actions: ["secretsmanager:GetSecretValue"], resources: ["secret/webhook"] },
    writeLog,
  ],
  audit: [
    {
      sid: "Rows",
      actions: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
      resources: ["table"],
    },
    { sid: "Memory", actions: ["s3:GetObject"], resources: ["bucket/sweep/*"] },
    tellMissingKeys,
    { ...useKey, actions: ["kms:Decrypt"] },
    send("sweep"),
    writeLog,
  ],
  tick: [
    { sid: "DueRows", actions: ["dynamodb:Query"], resources: ["index/due"] },
    { sid: "Rows", actions: ["dynamodb:GetItem", "dynamodb:UpdateItem"], resources: ["table"] },
    send("source", "reconcile", "sweep"),
    writeLog,
  ],
  sweep: [
    consume("sweep"),
    {
      sid: "Rows",
      actions: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
      resources: ["table"],
    },
    { sid: "RowsByCluster", actions: ["dynamodb:Query"], resources: ["index/view"] },
    { sid: "State", actions: ["s3:GetObject"], resources: ["bucket/state/*"] },
    { sid: "Memory", actions: ["s3:GetObject", "s3:PutObject"], resources: ["bucket/sweep/*"] },
    tellMissingKeys,
    useKey,
    assume("sweep", "apply"),
    send("source", "reconcile", "sweep"),
    writeLog,
  ],
  source: [
    consume("source"),
    {
      sid: "Rows",
      actions: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
      resources: ["table"],
    },
    { sid: "RowsByReference", actions: ["dynamodb:Query"], resources: ["index/ref"] },
    { sid: "Artifacts", actions: ["s3:GetObject", "s3:PutObject"], resources: ["bucket/artifacts/*"] },
    tellMissingKeys,
    useKey,
    {
      // Keys the digests of credentials under which fetches are shared.
      sid: "ReadDigestSecret",
      actions: ["secretsmanager:GetSecretValue"],
      resources: ["secret/digest"],
    },
    assume("source"),
    send("source", "reconcile"),
    writeLog,
  ],
  reconcile: [
    consume("reconcile"),
    {
      sid: "Rows",
      actions: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"],
      resources: ["table"],
    },
    { sid: "Artifacts", actions: ["s3:GetObject"], resources: ["bucket/artifacts/*"] },
    { sid: "Rendered", actions: ["s3:GetObject", "s3:PutObject"], resources: ["bucket/rendered/*"] },
    { sid: "RemoteBases", actions: ["s3:GetObject", "s3:PutObject"], resources: ["bucket/bases/*"] },
    { sid: "State", actions: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], resources: ["bucket/state/*"] },
    {
      // The render function gets presigned GETs of what it builds and one presigned PUT, which carry these rights to it.
      sid: "Handoff",
      actions: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      resources: ["bucket/handoff/*"],
    },
    tellMissingKeys,
    useKey,
    {
      // Keys the digests of values that have drifted.
      sid: "ReadDigestSecret",
      actions: ["secretsmanager:GetSecretValue"],
      resources: ["secret/digest"],
    },
    { sid: "Render", actions: ["lambda:InvokeFunction"], resources: ["function/render"] },
    assume("apply"),
    send("source", "reconcile"),
    writeLog,
  ],
  render: [writeLog],
};

/**
 * The functions that a cluster's role of one purpose trusts: those that may assume it. `decrypt` is created for the
 * reconcile worker and trusts it already; the worker gets its half of the right with the code that uses it.
 */
export function functionsThatAssume(purpose: ClusterRolePurpose): readonly FunctionName[] {
  if (purpose === "decrypt") return ["reconcile"];
  return functionNames.filter((name) =>
    permissions[name].some(({ actions, resources }) => {
      return actions.includes("sts:AssumeRole") && resources.includes(`role/${purpose}`);
    }),
  );
}
