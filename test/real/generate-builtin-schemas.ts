/**
 * Writes local/sandbox/builtin-schemas.ts: the schemas of the kinds that the sandbox serves, read from the OpenAPI
 * documents of a running real API server, with what only the Go types say (which scalars are pointers) as `x-go`.
 * Usage, from the repository root after bundling with esbuild: node test/real/generate-builtin-schemas.ts <directory of /openapi/v3 documents> <GOMODCACHE>/k8s.io <version>
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Json = Record<string, unknown>;

const ROOTS = [
  "core.v1.Namespace core.v1.ConfigMap core.v1.Secret core.v1.Service core.v1.ServiceAccount core.v1.Pod core.v1.Event core.v1.Endpoints",
  "core.v1.PersistentVolumeClaim core.v1.PersistentVolume core.v1.ResourceQuota core.v1.LimitRange core.v1.Node core.v1.ReplicationController core.v1.PodTemplate",
  "apps.v1.Deployment apps.v1.StatefulSet apps.v1.DaemonSet apps.v1.ReplicaSet apps.v1.ControllerRevision batch.v1.Job batch.v1.CronJob autoscaling.v2.HorizontalPodAutoscaler",
  "policy.v1.PodDisruptionBudget networking.v1.Ingress networking.v1.IngressClass networking.v1.NetworkPolicy",
  "rbac.v1.Role rbac.v1.RoleBinding rbac.v1.ClusterRole rbac.v1.ClusterRoleBinding events.v1.Event coordination.v1.Lease discovery.v1.EndpointSlice",
  "storage.v1.StorageClass scheduling.v1.PriorityClass autoscaling.v1.Scale",
]
  .join(" ")
  .split(" ")
  .map((name) => `io.k8s.api.${name}`)
  .concat("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition");

const KEPT =
  /^(type|format|default|required|properties|additionalProperties|items|\$ref|x-kubernetes-(list|map|patch|int|preserve).*)$/;
const SCALAR = /^(string|bool|u?int(32|64)?|float64)$/;

const [documents = "", goModules = "", version = ""] = process.argv.slice(2);
const all: Record<string, Json> = {};
for (const file of readdirSync(documents)) {
  const document = JSON.parse(readFileSync(join(documents, file), "utf8")) as {
    components?: { schemas?: Record<string, Json> };
  };
  Object.assign(all, document.components?.schemas);
}

function trimmed(schema: Json): Json {
  const single = Array.isArray(schema.allOf) ? (schema.allOf[0] as Json) : {};
  const out: Json = {};
  for (const [key, value] of Object.entries({ ...schema, ...single })) {
    if (!KEPT.test(key)) continue;
    if (key === "$ref") out[key] = String(value).replace("#/components/schemas/", "");
    else if (key === "properties")
      out[key] = Object.fromEntries(
        Object.entries(value as Json).map(([name, field]) => [name, trimmed(field as Json)]),
      );
    else if (key === "items" || (key === "additionalProperties" && typeof value === "object"))
      out[key] = trimmed(value as Json);
    else out[key] = value;
  }
  return out;
}

/** Of every struct: the fields that are pointers to a scalar ("pointer") and those without omitempty ("always"). */
function goFacts(folder: string, prefix: string, facts: Map<string, Map<string, string>>): void {
  let files: string[];
  try {
    files = readdirSync(folder).filter((name) => /^(types.*|.*_types|micro_time|group_version)\.go$/.test(name));
  } catch {
    return;
  }
  const text = files.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  for (const [, name = "", body = ""] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    const fields = new Map<string, string>();
    for (const [, type = "", json = "", options = ""] of body.matchAll(
      /^\s+\w+\s+(\S+)\s+`.*?json:"(\w+)((?:,\w+)*)"/gm,
    )) {
      const omit = options.includes("omitempty") || options.includes("omitzero");
      if (type.startsWith("*"))
        fields.set(
          json,
          SCALAR.test(type.slice(1)) || /^\*[A-Z]\w*(Type|Policy|Mode|Protocol)$/.test(type) ? "pointer" : "struct",
        );
      else if (!omit) fields.set(json, "always");
      else if (options.includes("omitzero")) fields.set(json, "omitzero");
    }
    facts.set(`${prefix}.${name}`, fields);
  }
}

const facts = new Map<string, Map<string, string>>();
for (const group of readdirSync(join(goModules, `api@${version}`)))
  for (const v of ["v1", "v2"]) goFacts(join(goModules, `api@${version}`, group, v), `io.k8s.api.${group}.${v}`, facts);
goFacts(join(goModules, `apimachinery@${version}`, "pkg/apis/meta/v1"), "io.k8s.apimachinery.pkg.apis.meta.v1", facts);
goFacts(
  join(goModules, `apiextensions-apiserver@${version}`, "pkg/apis/apiextensions/v1"),
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
  facts,
);

const out: Record<string, Json> = {};
const add = (name: string): void => {
  const source = all[name];
  if (out[name] || !source) return;
  const schema = (out[name] = trimmed(source));
  for (const [field, kind] of facts.get(name) ?? []) {
    const property = (schema.properties as Record<string, Json> | undefined)?.[field];
    if (property) property["x-go"] = kind;
  }
  for (const [, ref = ""] of JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)) add(ref);
};
ROOTS.forEach(add);

const lines = Object.keys(out)
  .sort()
  .map((name) => `${JSON.stringify(name)}:${JSON.stringify(out[name])}`);
writeFileSync(
  "local/sandbox/builtin-schemas.ts",
  `/** Generated by test/real/generate-builtin-schemas.ts from Kubernetes ${version}: schemas of the kinds that the sandbox serves. */
// prettier-ignore
export const builtinSchemas = String.raw\`{
${lines.join(",\n")}
}\`;
`,
);
console.log(`${lines.length} schemas, ${lines.join("").length} bytes`);

/** What kubectl's typed commands send is protobuf: the messages behind the same kinds, and the reviews. */
const REVIEWS = ["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview", "LocalSubjectAccessReview"]
  .map((kind) => `api.authorization.v1.${kind}`)
  .concat(
    ["SelfSubjectReview", "TokenReview"].map((kind) => `api.authentication.v1.${kind}`),
    "apimachinery.pkg.apis.meta.v1.DeleteOptions",
  );

const messages = new Map<string, string[]>();
const SCALARS: Readonly<Record<string, string>> = {
  string: "s",
  bool: "b",
  bytes: "x",
  int32: "i",
  int64: "i",
  uint32: "i",
  double: "d",
};

function readProto(file: string): void {
  const text = readFileSync(file, "utf8");
  const home = (/^package ([\w.]+);/m.exec(text)?.[1] ?? "").replace("k8s.io.", "");
  for (const [, name = "", body = ""] of text.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields = [
      ...body.matchAll(/^ {2}(optional|repeated|map<string, ([\w.]+)>) (?:([\w.]+) )?(\w+) = (\d+);/gm),
    ].map(([, label = "", mapped, plain, field = "", number = ""]) => {
      const type = mapped ?? plain ?? "";
      const known = SCALARS[type] ?? `@${type.includes(".") ? type.replace(/^\.?k8s\.io\./, "") : `${home}.${type}`}`;
      const shape = label === "repeated" ? "[]" : label === "optional" ? "" : "{}";
      const properties = (all[`io.k8s.${home}.${name}`]?.properties ?? undefined) as Json | undefined;
      const inline = properties && !Object.hasOwn(properties, field) && known.startsWith("@") ? "<" : "";
      return `${number} ${field} ${inline}${shape}${known}`;
    });
    messages.set(`${home}.${name}`, fields);
  }
}

for (const group of readdirSync(join(goModules, `api@${version}`)))
  for (const v of ["v1", "v2"])
    try {
      readProto(join(goModules, `api@${version}`, group, v, "generated.proto"));
    } catch {
      continue;
    }
readProto(join(goModules, `apimachinery@${version}`, "pkg/apis/meta/v1/generated.proto"));

const sent = new Set<string>();
const visit = (name: string): void => {
  const fields = messages.get(name);
  if (!fields || sent.has(name)) return;
  sent.add(name);
  for (const field of fields) visit(field.split("@")[1] ?? "");
};
Object.keys(out)
  .map((name) => name.replace("io.k8s.", ""))
  .concat(REVIEWS)
  .forEach(visit);
writeFileSync(
  "local/sandbox/builtin-messages.ts",
  `/** Generated by test/real/generate-builtin-schemas.ts from Kubernetes ${version}: protobuf messages, \`number name type\` (\`<\` inlined, \`[]\` repeated, \`{}\` map, \`@\` message). */
// prettier-ignore
export const builtinMessages = \`
${[...sent]
  .sort()
  .map((name) => [name, ...(messages.get(name) ?? [])].join("|"))
  .join("\n")}
\`;
`,
);
