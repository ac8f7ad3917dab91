/** Label and field selectors as the API server reads them, as far as the engine writes them. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { isMap } from "./field-ownership.ts";

/** `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas. */
export function matchesLabels({ metadata: { labels = {} } }: KubeObject, selector = ""): boolean {
  const terms = selector.match(/[^,(]+(\([^)]*\))?/g) ?? [];
  return terms.every((term) => {
    const set = /^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$/.exec(term);
    if (set) {
      const [, name = "", operator, list = ""] = set;
      const isIn = list
        .split(",")
        .map((value) => value.trim())
        .includes(labels[name] ?? "");
      return isIn === (operator === "in");
    }
    const [, name = "", operator, value] = /^\s*(!?[^=!\s]+)\s*(?:(==|=|!=)\s*(\S*))?\s*$/.exec(term) ?? [];
    if (!operator) return name.startsWith("!") ? !(name.slice(1) in labels) : name in labels;
    return (labels[name] === value) === (operator !== "!=");
  });
}

/** `metadata.name=x,status.phase!=y` */
export function matchesFields(object: KubeObject, selector = ""): boolean {
  const terms = selector.split(",").filter(Boolean);
  return terms.every((term) => {
    const [, path = "", operator, value] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
    const found = path.split(".").reduce<unknown>((at, name) => (isMap(at) ? at[name] : undefined), object);
    return (found === value) === (operator !== "!=");
  });
}
