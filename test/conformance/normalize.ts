/** Replies without what differs from run to run: uids, times, addresses, and the work of controllers. */
type Json = Record<string, unknown>;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Resource versions become `rv1`, `rv2`, … in order of appearance, uids likewise: equal stays equal. */
export function createNormalizer(): (value: unknown) => unknown {
  const names = new Map<string, string>();
  const named = (prefix: string, value: string): string => {
    const key = `${prefix}${value}`;
    const known = names.get(key);
    if (known) return known;
    const name = `<${prefix}${[...names.keys()].filter((other) => other.startsWith(prefix)).length + 1}>`;
    names.set(key, name);
    return name;
  };
  const visit = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return text(value, key, named);
    if (Array.isArray(value)) {
      const kept =
        key === "managedFields"
          ? value.filter((entry) => !isJson(entry) || !String(entry.manager).startsWith("kube-controller"))
          : (value as unknown[]);
      const items = kept.map((item) => visit(item, key));
      // The order of several causes is that of a Go map: none.
      return key === "causes" ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
    }
    if (!isJson(value)) return value;
    // A list's version counts every write in the cluster, the controllers' too.
    const isList = Array.isArray(value.items) && key === "";
    const { resourceVersion: _, ...listMeta } = isJson(value.metadata) ? value.metadata : {};
    return Object.fromEntries(
      Object.entries(isList ? { ...value, metadata: listMeta } : value)
        .filter(([name]) => !CONTROLLED.has(name))
        .map(([name, field]) => [name, visit(field, name)])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    );
  };
  return (value) => visit(value, "");
}

const CONTROLLED = new Set(["deployment.kubernetes.io/revision", "storageVersionHash"]);

function text(value: string, key: string, named: (prefix: string, value: string) => string): string {
  if (key === "resourceVersion") return value === "" ? value : named("rv", value);
  if (key === "uid") return named("uid", value);
  const plain = value
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uid>");
  return key === "clusterIP" || key === "clusterIPs" ? plain.replaceAll(/^10\.0\.\d+\.\d+$/g, "<ip>") : plain;
}
