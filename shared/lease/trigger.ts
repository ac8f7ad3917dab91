/** Asks for a run of an object: the first request is sent at once, those that follow it are only counted. */
import { coalesceUpdate, triggerUpdate } from "./expressions.ts";
import { register, type Registration } from "./register.ts";
import { type LeasePorts, attemptId, epochSeconds, readRow, rowKey, shardOf } from "./row.ts";

export interface TriggerOptions {
  /** For people who read the queue: what happened. */
  readonly why: string;
  readonly register?: Registration;
}

const ROUNDS = 8;

/**
 * `coalesced` when a message that will serve this request is on its way already.
 * @throws what the ports throw. The request may have been noted then; triggering again is harmless.
 */
export async function trigger(
  ports: LeasePorts,
  key: string,
  { why, register: registration }: TriggerOptions,
): Promise<"sent" | "coalesced"> {
  // Before the request: whoever receives the message must find the row complete.
  if (registration) await register(ports, key, registration);
  const attempt = attemptId(ports);
  for (let round = 0; round < ROUNDS; round++) {
    const outcome = await request(ports, key, attempt);
    if (outcome === "coalesced") return outcome;
    if (outcome === "announced") {
      await ports.queues.send({ v: 1, key, why }, 0);
      return "sent";
    }
  }
  throw new Error(`trigger of ${key} gave up: its row changed ${ROUNDS} times in between, trigger it again`);
}

async function request(ports: LeasePorts, key: string, attempt: string): Promise<"announced" | "coalesced" | "moved"> {
  const now = epochSeconds(ports.clock);
  const announced = await ports.table.update(rowKey(key), triggerUpdate({ now, shard: shardOf(key), attempt }));
  if (announced.ok) return "announced";
  const noted = await ports.table.update(rowKey(key), coalesceUpdate({ now: epochSeconds(ports.clock), attempt }));
  if (noted.ok) return "coalesced";
  // Both refused: either the first write was ours and its reply was lost, or the row moved between the two.
  const row = await readRow(ports, key);
  return row?.pendBy === attempt ? "announced" : "moved";
}
