/** The one error class of the engine: what to do next is the disposition, why is Flux's reason. */
import type { Reason } from "../api/conditions.ts";

/**
 * - `retry`: a port failed or the input is bad; the same input may succeed later. Requeued at `retryInterval`.
 * - `wait`: another object must move first. Not a failure; fixed requeue.
 * - `stall`: the spec is refused; nothing but a change of the spec helps. No requeue.
 */
export type Disposition = "retry" | "wait" | "stall";

export class ReconcileError extends Error {
  override readonly name = "ReconcileError";
  readonly disposition: Disposition;
  readonly reason: Reason;

  constructor(disposition: Disposition, reason: Reason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.disposition = disposition;
    this.reason = reason;
  }
}
