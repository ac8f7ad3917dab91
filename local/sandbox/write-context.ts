/** What field management needs to know of a write: who writes which version when, and which fields do not count. */
import { decodeBuiltin } from "./decode.ts";
import { emptySet, insert, type FieldSet } from "./field-set.ts";
import { withAt } from "./json.ts";
import type { WriteContext } from "./managed-fields.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import { resolve } from "./schema.ts";
import type { Target } from "./write-rules.ts";

/** `now` in RFC 3339. */
export const writeContext = ({ resource, subresource }: Target, fieldManager: string, now: string): WriteContext => ({
  schema: resolve(resource.schema),
  apiVersion: apiVersionOf(resource),
  fieldManager,
  subresource,
  now,
  resets: resetsOf(resource, subresource),
  blank: resource.custom
    ? { metadata: {} }
    : withAt(decodeBuiltin(resource.schema, {}, resource.kind).object, ["metadata", "creationTimestamp"], undefined),
});

/** The fields of which this endpoint ignores what is sent, because another endpoint owns them. */
function resetsOf(resource: Resource, subresource: string): FieldSet {
  const set = emptySet();
  if (subresource === "status") {
    for (const field of ["spec", ...(resource.custom ? ["metadata"] : [])]) insert(set, [`f:${field}`]);
    if (!resource.custom) insert(set, ["f:metadata", "f:labels"]);
  } else if (resource.hasStatus) insert(set, ["f:status"]);
  return set;
}
