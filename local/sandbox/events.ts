/** Events have two APIs over one store: core `v1` (the stored form) and `events.k8s.io/v1`. */
import { objOf, type Obj } from "./json.ts";

const RENAMED: readonly (readonly [core: string, current: string])[] = [
  ["message", "note"],
  ["involvedObject", "regarding"],
  ["count", "deprecatedCount"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["source", "deprecatedSource"],
  ["reportingComponent", "reportingController"],
];

const NEW_GROUP = "events.k8s.io";

export function toStoredEvent(event: Obj, group: string): Obj {
  return { eventTime: null, ...(group === NEW_GROUP ? renamed(event, "v1", 1, 0) : { ...event, apiVersion: "v1" }) };
}

export function fromStoredEvent(event: Obj, group: string): Obj {
  if (group !== NEW_GROUP) return event;
  const { reportingInstance, ...rest } = event;
  const out = renamed(reportingInstance ? event : rest, `${NEW_GROUP}/v1`, 0, 1);
  return { eventTime: null, ...out, deprecatedSource: objOf(out.deprecatedSource) };
}

function renamed(event: Obj, apiVersion: string, from: 0 | 1, to: 0 | 1): Obj {
  const names = new Map(RENAMED.map((pair) => [pair[from], pair[to]]));
  return {
    ...Object.fromEntries(Object.entries(event).map(([name, value]) => [names.get(name) ?? name, value])),
    apiVersion,
  };
}
