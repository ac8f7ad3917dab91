/** Which known field an unknown one was meant to be: the cluster's own definition of the kind tells. */
import { groupOf, versionOf } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import type { Cluster } from "../kubernetes/cluster.ts";
import { excerpt } from "../runtime/advice.ts";
import { nearest } from "../runtime/nearest.ts";

const refusal = /\(\S*; ([^,)]+), Kind=(\w+)\)/;
const undeclared = /(?:^|\s)(\.\S*?): field not declared in schema/g;

/**
 * @param message the refusal of a server-side apply; undefined is answered for any other
 * @throws KubeError as the cluster does
 */
export async function explainUndeclared(
  message: string,
  cluster: Pick<Cluster, "resource" | "get">,
): Promise<string | undefined> {
  const [, apiVersion, kind] = refusal.exec(message) ?? [];
  const paths = [...message.matchAll(undeclared)].map(([, path = ""]) => path);
  if (apiVersion === undefined || kind === undefined || paths.length === 0) return undefined;
  const schema = await schemaOf(apiVersion, kind, cluster);
  if (!schema) return undefined;
  const hints = paths.flatMap((path) => hintFor(path.slice(1).split("."), schema) ?? []);
  return hints.length === 0 ? undefined : hints.join("; ");
}

async function schemaOf(
  apiVersion: string,
  kind: string,
  cluster: Pick<Cluster, "resource" | "get">,
): Promise<unknown> {
  const { plural, group } = await cluster.resource(apiVersion, kind);
  const name = `${plural}.${group}`;
  const definition = await cluster.get({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    name,
  });
  const { group: own, versions } = (definition?.spec ?? {}) as {
    readonly group?: unknown;
    readonly versions?: unknown;
  };
  if (own !== groupOf(apiVersion) || !Array.isArray(versions)) return undefined;
  const version = versions.filter(isRecord).find((entry) => entry.name === versionOf(apiVersion));
  return isRecord(version?.schema) ? version.schema.openAPIV3Schema : undefined;
}

function hintFor(path: readonly string[], schema: unknown): string | undefined {
  const parents = path.slice(0, -1).map((step) => step.replace(/\[.*$/, ""));
  const name = path.at(-1) ?? "";
  const fields = fieldsOf(parents.reduce<unknown>((at, step) => below(at, step), schema));
  if (fields.length === 0) return undefined;
  const at = (field: string) => [...path.slice(0, -1), field].join(".");
  const meant = nearest(name, fields);
  if (meant !== undefined) return `${at(name)} is unknown, did you mean ${at(meant)}?`;
  return `${at(name)} is unknown, the fields there are ${excerpt(fields.join(", "))}`;
}

/** The schema of a field; a list stands for its items. */
function below(schema: unknown, field: string): unknown {
  const properties = isRecord(schema) ? schema.properties : undefined;
  const found = isRecord(properties) ? properties[field] : undefined;
  return isRecord(found) && found.type === "array" ? found.items : found;
}

function fieldsOf(schema: unknown): readonly string[] {
  const properties = isRecord(schema) ? schema.properties : undefined;
  return isRecord(properties) ? Object.keys(properties) : [];
}
