/** Which files a kustomization makes kustomize read: the table of its reference fields, and the walk over it. */
import { posix } from "node:path";

/** How kustomize treats a reference. */
export type ReferenceKind =
  /** a manifest, or a directory with a kustomization */
  | "resource"
  /** a directory with a kustomization */
  | "directory"
  /** a file that is parsed as YAML */
  | "yaml"
  /** a file that is taken as bytes */
  | "bytes"
  /** the text of a patch, or else a file with one */
  | "patch-or-file"
  /** the text of plugin configurations, or else a file or directory with some */
  | "plugin"
  /** text that is parsed as YAML, no reference */
  | "text";

export interface Reference {
  readonly field: string;
  readonly kind: ReferenceKind;
  readonly text: string;
}

/** Top-level fields of kustomize.config.k8s.io Kustomization and Component (kustomize 5.8). */
export const kustomizationFields: readonly string[] = (
  "apiVersion kind metadata openapi namePrefix nameSuffix namespace commonLabels labels commonAnnotations " +
  "patchesStrategicMerge patchesJson6902 patches images imageTags replacements replicas vars sortOptions resources " +
  "components crds bases configMapGenerator secretGenerator helmGlobals helmCharts helmChartInflationGenerator " +
  "generatorOptions configurations generators transformers validators buildMetadata"
).split(" ");

/** Top-level fields that list references as plain strings. */
const LISTS: Readonly<Record<string, ReferenceKind>> = {
  resources: "resource",
  bases: "resource",
  components: "directory",
  crds: "yaml",
  configurations: "yaml",
  patchesStrategicMerge: "patch-or-file",
  generators: "plugin",
  transformers: "plugin",
  validators: "plugin",
};

/** Top-level fields that list mappings, and the fields of those that hold one reference or a list of them. */
const MAPPINGS: Readonly<Record<string, Readonly<Record<string, ReferenceKind>>>> = {
  patches: { path: "yaml", patch: "text" },
  patchesJson6902: { path: "yaml", patch: "text" },
  replacements: { path: "yaml" },
  configMapGenerator: { files: "bytes", envs: "bytes", env: "bytes" },
  secretGenerator: { files: "bytes", envs: "bytes", env: "bytes" },
};

/** Fields of builtin plugin configurations, whatever the plugin: those that no plugin has do no harm. */
const PLUGIN_FIELDS: Readonly<Record<string, ReferenceKind>> = {
  path: "yaml",
  paths: "patch-or-file",
  targetFilePath: "yaml",
  files: "bytes",
  envs: "bytes",
  env: "bytes",
  patch: "text",
  patches: "text",
  jsonOp: "text",
};

const HELM_FIELDS = ["helmCharts", "helmChartInflationGenerator", "helmGlobals"] as const;

export type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The first Helm field in use, which neither Flux nor we build. */
export function findHelmField(kustomization: Mapping): string | undefined {
  return HELM_FIELDS.find((field) => {
    const value = kustomization[field];
    return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  });
}

/** All references of a kustomization whose fields have their proper names. Values of the wrong type are left out. */
export function referencesOf(kustomization: Mapping): readonly Reference[] {
  const found: Reference[] = [];
  for (const [field, kind] of Object.entries(LISTS)) {
    found.push(...textsOf(kustomization[field]).map((text) => ({ field, kind, text })));
  }
  for (const [list, fields] of Object.entries(MAPPINGS)) {
    const items: unknown = kustomization[list];
    for (const item of Array.isArray(items) ? items.filter(isMapping) : []) {
      found.push(...referencesIn(item, fields, `${list}.`));
    }
  }
  const openapi = kustomization.openapi;
  if (isMapping(openapi)) found.push(...referencesIn(openapi, { path: "yaml" }, "openapi."));
  return found;
}

/**
 * The kustomization with other references in place of some. A generator's file keeps the name that it had.
 *
 * @param replacements by field and text of a {@link Reference}, see {@link referenceName}
 */
export function withReferences(kustomization: Mapping, replacements: ReadonlyMap<string, string>): Mapping {
  const replace = (field: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => replace(field, item));
    if (typeof value !== "string") return value;
    const isGeneratorFile = field.endsWith("Generator.files");
    const text = isGeneratorFile ? fileOf(value) : value;
    const replacement = replacements.get(referenceName(field, text));
    if (replacement === undefined) return value;
    const key = text === value ? posix.basename(text) : value.slice(0, value.length - text.length - 1);
    return isGeneratorFile ? `${key}=${replacement}` : replacement;
  };
  const within = (value: unknown, field: string, names: readonly string[]): unknown => {
    if (!isMapping(value)) return value;
    const replaced = names
      .filter((name) => name in value)
      .map((name) => [name, replace(`${field}.${name}`, value[name])]);
    return { ...value, ...(Object.fromEntries(replaced) as Mapping) };
  };
  const entries = Object.entries(kustomization).map(([field, value]) => {
    const fields = MAPPINGS[field];
    if (field === "openapi") return [field, within(value, field, ["path"])];
    if (fields && Array.isArray(value))
      return [field, value.map((item: unknown) => within(item, field, Object.keys(fields)))];
    return [field, LISTS[field] === undefined ? value : replace(field, value)];
  });
  return Object.fromEntries(entries) as Mapping;
}

export const referenceName = (field: string, text: string): string => `${field} ${text}`;

const fileOf = (source: string): string => source.slice(source.indexOf("=") + 1);

/** All references of one plugin configuration. */
export function pluginReferencesOf(configuration: Mapping): readonly Reference[] {
  const found = [...referencesIn(configuration, PLUGIN_FIELDS, "")];
  const replacements = configuration.replacements;
  for (const item of Array.isArray(replacements) ? replacements.filter(isMapping) : []) {
    found.push(...referencesIn(item, { path: "yaml" }, "replacements."));
  }
  return found;
}

function referencesIn(mapping: Mapping, fields: Readonly<Record<string, ReferenceKind>>, prefix: string): Reference[] {
  return Object.entries(fields).flatMap(([field, kind]) => {
    const generatorFile = kind === "bytes" && field === "files";
    return textsOf(mapping[field]).map((text) => ({
      field: `${prefix}${field}`,
      kind,
      text: generatorFile ? fileOf(text) : text,
    }));
  });
}

function textsOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((entry) => typeof entry === "string").filter((text) => text !== "");
}

/**
 * Gives every field that Go would take for a known one its proper name: Go matches names of fields without regard to
 * case. The result has no field that kustomize reads and {@link referencesOf} does not.
 *
 * @throws Error when two spellings of one field stand side by side
 */
export function canonicalize(kustomization: Mapping): Mapping {
  const renamed = renameFields(kustomization, kustomizationFields);
  return Object.fromEntries(
    Object.entries(renamed).map(([field, value]) => {
      const fields = MAPPINGS[field];
      if (!fields || !Array.isArray(value)) return [field, value];
      const names = Object.keys(fields);
      return [field, value.map((item: unknown) => (isMapping(item) ? renameFields(item, names) : item))];
    }),
  );
}

/** The same for a plugin configuration. */
export function canonicalizePlugin(configuration: Mapping): Mapping {
  const renamed = renameFields(configuration, [...Object.keys(PLUGIN_FIELDS), "replacements"]);
  const replacements = renamed.replacements;
  if (!Array.isArray(replacements)) return renamed;
  const items = replacements.map((item: unknown) => (isMapping(item) ? renameFields(item, ["path"]) : item));
  return { ...renamed, replacements: items };
}

/** Only fields that Flux knows: it drops the others of the root kustomization, where kustomize would refuse them. */
export function knownFieldsOf(kustomization: Mapping): Mapping {
  return Object.fromEntries(Object.entries(kustomization).filter(([field]) => kustomizationFields.includes(field)));
}

function renameFields(mapping: Mapping, names: readonly string[]): Mapping {
  const properNames = new Map(names.map((name) => [fold(name), name]));
  const entries = Object.entries(mapping).map(
    ([field, value]) => [properNames.get(fold(field)) ?? field, value] as const,
  );
  const twice = entries.find(([field], index) => entries.findIndex(([other]) => other === field) !== index);
  if (twice) throw new Error(`the field ${twice[0]} stands there twice in different spellings`);
  return Object.fromEntries(entries);
}

/** As encoding/json compares names: upper case maps the two letters outside ASCII (ſ, K) that fold onto s and k. */
const fold = (name: string): string => name.toUpperCase().replaceAll("\u212a", "K");
