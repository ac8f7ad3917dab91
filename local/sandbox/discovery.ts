/** What the server says it serves: aggregated discovery, the older group and resource lists, version, OpenAPI. */
import { createHash } from "node:crypto";
import { isObj, type Obj } from "./json.ts";
import { apiVersionOf, type Registry, type Resource } from "./resources.ts";
import { builtinSchema } from "./schema.ts";

export const SERVER_VERSION = {
  major: "1",
  minor: "36",
  emulationMajor: "1",
  emulationMinor: "36",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "35",
  gitVersion: "v1.36.3",
  gitCommit: "0000000000000000000000000000000000000000",
  gitTreeState: "clean",
  buildDate: "2026-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "driftless-sandbox",
  platform: "linux/amd64",
} as const;

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/** The order in which the real server lists them for custom kinds. */
const CUSTOM_VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const PARTIAL_VERBS = ["get", "patch", "update"];

/** Kinds that are only ever posted. */
const REVIEWS: readonly (readonly [group: string, plural: string, kind: string, namespaced: boolean])[] = [
  ["authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false],
  ["authentication.k8s.io", "tokenreviews", "TokenReview", false],
  ["authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", true],
  ["authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false],
  ["authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false],
  ["authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false],
];

interface Listed {
  readonly name: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly group?: string;
    readonly version?: string;
  }[];
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: Listed[];
}

function listedOf(resource: Resource): Listed {
  return {
    name: resource.plural,
    singular: resource.singular,
    kind: resource.kind,
    namespaced: resource.namespaced,
    verbs: resource.custom
      ? CUSTOM_VERBS
      : resource.plural === "namespaces"
        ? VERBS.filter((verb) => verb !== "deletecollection")
        : VERBS,
    shortNames: resource.shortNames,
    categories: resource.categories,
    subresources: [
      ...(resource.scale ? [{ name: "scale", kind: "Scale", group: "autoscaling", version: "v1" }] : []),
      ...(resource.hasStatus ? [{ name: "status", kind: resource.kind }] : []),
    ],
  };
}

function groupVersions(registry: Registry): GroupVersion[] {
  const found = new Map<string, GroupVersion>();
  const put = (group: string, version: string, listed: Listed): void => {
    const key = `${group}/${version}`;
    const known = found.get(key) ?? { group, version, resources: [] };
    known.resources.push(listed);
    found.set(key, known);
  };
  for (const resource of registry.all()) put(resource.group, resource.version, listedOf(resource));
  for (const [group, name, kind, namespaced] of REVIEWS)
    put(group, "v1", {
      name,
      singular: kind.toLowerCase(),
      kind,
      namespaced,
      verbs: ["create"],
      shortNames: [],
      categories: [],
      subresources: [],
    });
  return [...found.values()];
}

const optional = (name: string, values: readonly string[]): Obj => (values.length > 0 ? { [name]: values } : {});

/** `apidiscovery.k8s.io/v2` of `/api` (core) or `/apis` (the rest). */
export function aggregatedDiscovery(registry: Registry, core: boolean): Obj {
  const groups = new Map<string, GroupVersion[]>();
  for (const one of groupVersions(registry))
    if ((one.group === "") === core) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: [...groups].map(([group, versions]) => ({
      metadata: group ? { name: group } : {},
      versions: byPreference(versions).map(({ version, resources }) => ({
        version,
        resources: resources.map((one) => aggregated(one)),
        freshness: "Current",
      })),
    })),
  };
}

function aggregated(listed: Listed): Obj {
  const responseKind = { group: "", version: "", kind: listed.kind };
  return {
    resource: listed.name,
    responseKind,
    scope: listed.namespaced ? "Namespaced" : "Cluster",
    singularResource: listed.singular,
    verbs: listed.verbs,
    ...optional("shortNames", listed.shortNames),
    ...optional("categories", listed.categories),
    ...(listed.subresources.length > 0
      ? {
          subresources: listed.subresources.map(({ name, kind, group = "", version = "" }) => ({
            subresource: name,
            responseKind: { group, version, kind },
            verbs: PARTIAL_VERBS,
          })),
        }
      : {}),
  };
}

/** Stable versions first, then beta, then alpha; the higher number first. */
function byPreference(versions: readonly GroupVersion[]): GroupVersion[] {
  const rank = (version: string): readonly [number, number, number] => {
    const [, major = "0", stage, minor = "0"] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
    return [stage === undefined ? 2 : stage === "beta" ? 1 : 0, Number(major), Number(minor)];
  };
  return [...versions].sort((a, b) => {
    const [x, y] = [rank(a.version), rank(b.version)];
    return y[0] - x[0] || y[1] - x[1] || y[2] - x[2];
  });
}

export function groupList(registry: Registry): Obj {
  const names = [...new Set(groupVersions(registry).map(({ group }) => group))].filter(Boolean);
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: names.map((name) => groupEntry(registry, name)).filter(isObj),
  };
}

export function groupOf(registry: Registry, name: string): Obj | undefined {
  const entry = groupEntry(registry, name);
  return entry && { kind: "APIGroup", apiVersion: "v1", ...entry };
}

function groupEntry(registry: Registry, name: string): Obj | undefined {
  const versions = byPreference(groupVersions(registry).filter(({ group }) => group === name)).map((one) => ({
    groupVersion: apiVersionOf(one),
    version: one.version,
  }));
  return versions.length > 0 ? { name, versions, preferredVersion: versions[0] } : undefined;
}

export function resourceList(registry: Registry, group: string, version: string): Obj | undefined {
  const found = groupVersions(registry).find((one) => one.group === group && one.version === version);
  if (!found) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersionOf(found),
    resources: found.resources.flatMap((one) => [
      {
        name: one.name,
        singularName: one.singular,
        namespaced: one.namespaced,
        kind: one.kind,
        verbs: one.verbs,
        ...optional("shortNames", one.shortNames),
        ...optional("categories", one.categories),
      },
      ...one.subresources.map(({ name, kind, ...of }) => ({
        name: `${one.name}/${name}`,
        singularName: "",
        namespaced: one.namespaced,
        ...of,
        kind,
        verbs: PARTIAL_VERBS,
      })),
    ]),
  };
}

const pathOf = (group: string, version: string): string => (group ? `apis/${group}/${version}` : `api/${version}`);

export function openApiIndex(registry: Registry): Obj {
  const paths: Obj = {};
  for (const { group, version, resources } of groupVersions(registry)) {
    const hash = createHash("sha256").update(JSON.stringify(resources)).digest("hex").slice(0, 32).toUpperCase();
    paths[pathOf(group, version)] = { serverRelativeURL: `/openapi/v3/${pathOf(group, version)}?hash=${hash}` };
  }
  return { paths };
}

/** Enough of OpenAPI v3 for kubectl: the kinds, their schemas, and that the server validates fields itself. */
export function openApiDocument(registry: Registry, group: string, version: string): Obj | undefined {
  const resources = registry.all().filter((one) => one.group === group && one.version === version);
  if (!groupVersions(registry).some((one) => one.group === group && one.version === version)) return undefined;
  const schemas: Obj = {};
  const paths: Obj = {};
  for (const resource of resources) {
    const gvk = { group, version, kind: resource.kind };
    const name = resource.schema.$ref ?? `${group.split(".").reverse().join(".")}.${version}.${resource.kind}`;
    const schema = resource.schema.$ref ? builtinSchema(resource.schema.$ref) : resource.schema;
    schemas[name] = { ...asOpenApi(schema, schemas), "x-kubernetes-group-version-kind": [gvk] };
    const base = `/${pathOf(group, version)}/${resource.namespaced ? "namespaces/{namespace}/" : ""}${resource.plural}/{name}`;
    const parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map((query) => ({
      name: query,
      in: "query",
      schema: { type: "string" },
    }));
    paths[base] = {
      patch: { "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": gvk, parameters, responses: {} },
    };
  }
  return { openapi: "3.0.0", info: { title: "Kubernetes", version: "v1.36.3" }, paths, components: { schemas } };
}

/** References in OpenAPI's form; what they refer to is added to `schemas`. */
function asOpenApi(schema: unknown, schemas: Obj): Obj {
  const convert = (value: unknown): unknown => {
    if (Array.isArray(value)) return (value as unknown[]).map(convert);
    if (!isObj(value)) return value;
    const { $ref, "x-go": _, ...rest } = value;
    const out = Object.fromEntries(Object.entries(rest).map(([key, field]) => [key, convert(field)]));
    if (typeof $ref !== "string") return out;
    if (schemas[$ref] === undefined) {
      schemas[$ref] = {};
      schemas[$ref] = convert(builtinSchema($ref));
    }
    return { ...out, allOf: [{ $ref: `#/components/schemas/${$ref}` }] };
  };
  const out = convert(schema);
  return isObj(out) ? out : {};
}
