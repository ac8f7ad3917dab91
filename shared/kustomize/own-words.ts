/** What an object that is waited for says of itself. */
import type { KubeObject } from "../api/kube-object.ts";
import type { Condition } from "../api/conditions.ts";
import { statusOf } from "../kubernetes/status-writer.ts";
import { excerpt } from "../runtime/advice.ts";

/**
 * Reason and message of its Ready condition unless that is True; undefined when it says nothing.
 * @param reader namespace of who is told: of another namespace's object it learns the reason alone
 */
export function ownWords(object: KubeObject, reader: string): string | undefined {
  const { conditions } = statusOf(object) as { readonly conditions?: readonly Condition[] };
  const ready = conditions?.find(({ type }) => type === "Ready");
  if (!ready || ready.status === "True") return undefined;
  const { reason, message } = ready;
  return object.metadata.namespace === reader && message ? `${reason}: ${excerpt(message)}` : reason;
}
