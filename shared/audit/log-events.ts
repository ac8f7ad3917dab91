/** What CloudWatch Logs hands to a subscription: lines of one log group, as gzip in base64. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { isRecord } from "../api/schema.ts";

export interface LogEvents {
  /** Account of the log group. */
  readonly owner: string;
  readonly logGroup: string;
  readonly lines: readonly string[];
}

/** A delivery holds 1 MB of compressed lines at most; text compresses about tenfold. */
const mostBytes = 64 * 1024 * 1024;

const unzip = promisify(gunzip);

/**
 * Undefined for the message by which CloudWatch Logs tries out a new subscription.
 * @throws Error for what is no delivery, and for one that grows beyond all measure
 */
export async function readLogEvents(event: unknown): Promise<LogEvents | undefined> {
  const zipped = isRecord(event) && isRecord(event.awslogs) ? event.awslogs.data : undefined;
  if (typeof zipped !== "string")
    throw new TypeError("the event is no delivery of CloudWatch Logs: it has no awslogs.data");
  const text = await unzip(Buffer.from(zipped, "base64"), { maxOutputLength: mostBytes });
  const delivery: unknown = JSON.parse(text.toString("utf8"));
  if (!isRecord(delivery)) throw new TypeError("the delivery of CloudWatch Logs is no object");
  const { messageType, owner, logGroup, logEvents } = delivery;
  if (messageType === "CONTROL_MESSAGE") return undefined;
  if (typeof owner !== "string" || typeof logGroup !== "string" || !Array.isArray(logEvents))
    throw new TypeError("the delivery of CloudWatch Logs names no log group");
  const lines = logEvents.flatMap((each: unknown) =>
    isRecord(each) && typeof each.message === "string" ? [each.message] : [],
  );
  return { owner, logGroup, lines };
}
