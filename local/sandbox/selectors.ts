/** Label and field selectors of LIST, WATCH and DELETE COLLECTION. */
import { at, isObj, objOf, textOf, type Obj } from "./json.ts";
import { badRequest } from "./status-error.ts";

export type Predicate = (object: Obj) => boolean;

/** @throws StatusError 400 for a selector that does not parse. */
export function labelSelector(text: string): Predicate {
  const tests = splitTop(text).map(labelTest);
  return (object) => {
    const labels = objOf(at(object, "metadata", "labels"));
    return tests.every((test) => test(labels));
  };
}

function splitTop(text: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (let index = 0; index <= text.length; index++) {
    const char = text[index];
    if (char === "(") depth++;
    if (char === ")") depth--;
    if ((char === "," && depth === 0) || char === undefined) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return parts.filter(Boolean);
}

function labelTest(part: string): (labels: Obj) => boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(part);
  if (set) {
    const [, key = "", operator, values = ""] = set;
    const wanted = values.split(",").map((value) => value.trim());
    return (labels) => wanted.includes(String(labels[key])) === (operator === "in");
  }
  const binary = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/.exec(part);
  if (binary) {
    const [, key = "", operator, value] = binary;
    return operator === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const absent = /^!\s*(\S+)$/.exec(part);
  if (absent) return (labels) => labels[absent[1] ?? ""] === undefined;
  if (/^[\w./-]+$/.test(part)) return (labels) => labels[part] !== undefined;
  throw badRequest(`unable to parse requirement: ${part}`);
}

/** A `metav1.LabelSelector` as RBAC aggregation and workloads use it. */
export function matchesLabels(selector: unknown, labels: Obj): boolean {
  const { matchLabels, matchExpressions } = objOf(selector);
  const byLabel = Object.entries(objOf(matchLabels)).every(([key, value]) => labels[key] === value);
  const expressions: readonly unknown[] = Array.isArray(matchExpressions) ? matchExpressions : [];
  return (
    byLabel &&
    expressions.every((expression) => {
      const { key, operator, values } = objOf(expression);
      const value = labels[String(key)];
      const listed = Array.isArray(values) && values.includes(value);
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      return operator === "In" ? listed : !listed;
    })
  );
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  events: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
  ],
  secrets: ["type"],
  namespaces: ["status.phase"],
  pods: ["spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"],
  jobs: ["status.successful"],
};

/** @throws StatusError 400 for a field that the real server does not select by. */
export function fieldSelector(text: string, plural: string): Predicate {
  const tests = splitTop(text).map((part) => {
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
    if (!match) throw badRequest(`invalid field selector: ${part}`);
    const [, field = "", operator, value = ""] = match;
    const known = field === "metadata.name" || field === "metadata.namespace" || FIELDS[plural]?.includes(field);
    if (!known && FIELDS[plural]) throw badRequest(`field label not supported: ${field}`);
    if (!known)
      throw badRequest(
        `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
      );
    const actual = (object: Obj): string => {
      const found = at(object, ...field.split("."));
      return typeof found === "string" ? found : isObj(found) && field === "source" ? textOf(found.component) : "";
    };
    return (object: Obj) => (actual(object) === value) === (operator !== "!=");
  });
  return (object) => tests.every((test) => test(object));
}
