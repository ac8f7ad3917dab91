/** The audit log of a local cluster on its way through CloudWatch Logs: filtered by the template's subscription, delivered to its function. */
import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";

import type { Authorizer } from "./authorizer.ts";
import { parseFilterPattern } from "./filter-pattern.ts";
import type { LocalFunction } from "./functions.ts";
import { text } from "./json.ts";
import type { Resource } from "./template.ts";

export interface AuditLogOptions {
  /** Resources of type AWS::Logs::SubscriptionFilter. */
  readonly subscriptions: readonly Resource[];
  readonly functions: readonly LocalFunction[];
  readonly authorizer: Authorizer;
  readonly region: string;
  readonly onLog: (line: string) => void;
}

export interface AuditLog {
  /** Lines of the audit log of the EKS cluster of that name; resolves when the functions have returned. */
  write(cluster: string, lines: readonly string[]): Promise<void>;
}

/** @throws Error for a subscription without its function, one that the function does not admit, or a pattern of another form */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const subscriptions = options.subscriptions.map((resource) => subscribe(resource, options));
  return {
    async write(cluster, lines) {
      const logGroup = `/aws/eks/${cluster}/cluster`;
      await Promise.all(subscriptions.filter((each) => each.logGroup === logGroup).map((each) => each.deliver(lines)));
    },
  };
}

function subscribe({ properties, logicalId, account }: Resource, options: AuditLogOptions) {
  const { functions, authorizer, region, onLog } = options;
  const logGroup = text(properties.LogGroupName, logicalId);
  const destination = text(properties.DestinationArn, logicalId);
  const lambda = functions.find(({ resource }) => resource.arn === destination);
  if (!lambda)
    throw new Error(
      `subscription ${logicalId} has the destination ${destination}, which is not a function of the template`,
    );
  const isWanted = parseFilterPattern(text(properties.FilterPattern, logicalId));
  const admitted = authorizer.authorizeService(
    "logs.amazonaws.com",
    { action: "lambda:InvokeFunction", resource: destination },
    { arn: `arn:aws:logs:${region}:${account}:log-group:${logGroup}:*`, account },
  );
  if (!admitted.allowed)
    throw new Error(`CloudWatch Logs may not invoke the function of subscription ${logicalId} ${admitted.because}`);
  const deliver = async (lines: readonly string[]): Promise<void> => {
    const wanted = lines.filter(isWanted);
    if (wanted.length === 0) return;
    const delivery = {
      messageType: "DATA_MESSAGE",
      owner: account,
      logGroup,
      logStream: "kube-apiserver-audit-local",
      subscriptionFilters: [text(properties.FilterName, logicalId)],
      logEvents: wanted.map((message) => ({ id: randomUUID(), timestamp: Date.now(), message })),
    };
    const zipped = gzipSync(JSON.stringify(delivery)).toString("base64");
    const result = await lambda.pool.invoke({ awslogs: { data: zipped } });
    if (result.kind === "throttled") onLog(`delivery of ${logGroup} was throttled`);
  };
  return { logGroup, deliver };
}
