/**
 * The copy of a fleet that both sides get. What would need the network, or a controller that is not here, is changed in
 * it; each change is a note, and there is none that only one side sees.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import type { Document } from "yaml";

import { groupOf } from "../../../shared/api/kube-object.ts";
import { isCustomGroup, type KindInUse } from "./definitions.ts";
import { changeDocuments, parseDocuments, textAt } from "./documents.ts";
import type { PlacedFleet } from "./fleets.ts";
import { readGeneratedArtifacts } from "./generated-artifacts.ts";

export interface PreparedFleet {
  readonly files: Readonly<Record<string, string>>;
  /** Path of the file with the root Kustomization and its source. */
  readonly sync: string;
  /** What was changed, and how often. */
  readonly notes: ReadonlyMap<string, number>;
  /** Branches that the fleet's sources follow. */
  readonly branches: ReadonlySet<string>;
  /** Kinds of custom objects in its files. */
  readonly kinds: readonly KindInUse[];
  /** `kind/name` of what variables are taken from, and of what logs in to the fleet's repository. */
  readonly references: ReadonlySet<string>;
  /** Variables that some file takes. */
  readonly variables: ReadonlySet<string>;
  /** Namespaces that some file names: which Kustomization makes them first is a matter of chance. */
  readonly namespaces: ReadonlySet<string>;
}

export interface PrepareOptions {
  /** Of the fleet's repository on the local server. */
  readonly url: string;
  /** What `flux install` would write. */
  readonly components: string;
  /** Flux's definitions by name, for those that a fleet brings in another version. */
  readonly definitions: ReadonlyMap<string, unknown>;
}

interface Preparation extends PrepareOptions {
  readonly own: RegExp;
  readonly notes: Map<string, number>;
  readonly branches: Set<string>;
  readonly references: Set<string>;
  /** Names of GitRepositories that nobody here serves. */
  readonly foreign: ReadonlySet<string>;
  /** Folder of the repository by `<artifact>/<folder in it>`. */
  readonly artifacts: ReadonlyMap<string, string>;
}

const isYaml = (path: string): boolean => /\.ya?ml$/.test(path);
const migrations: readonly (readonly [RegExp, string])[] = [
  [/(helm\.toolkit\.fluxcd\.io)\/v2beta[12]\b/g, "$1/v2"],
  [/((?:source|kustomize)\.toolkit\.fluxcd\.io)\/v1beta[12]\b/g, "$1/v1"],
];

export function prepareFleet({ folder, fleet, cluster }: PlacedFleet, options: PrepareOptions): PreparedFleet {
  const fluxFolder = `${cluster.path}/flux-system`;
  const sync = cluster.sync ?? `${fluxFolder}/gotk-sync.yaml`;
  const files = readTree(folder);
  const state: Preparation = {
    ...options,
    own: fleet.own,
    notes: new Map(),
    branches: new Set(["main"]),
    references: new Set(),
    foreign: foreignRepositories(files, fleet.own),
    artifacts: readGeneratedArtifacts(files, isYaml),
  };
  bootstrap(files, cluster.path, sync, state);
  const kinds: KindInUse[] = [];
  const variables = new Set<string>();
  const namespaces = new Set<string>();
  for (const [path, text] of Object.entries(files)) {
    if (!isYaml(path)) continue;
    const prepared = changeDocuments(migrate(text, state), (document) => changeDocument(document, state));
    files[path] = prepared;
    for (const document of parseDocuments(prepared)) kinds.push(...kindOf(document));
    for (const [, name = ""] of prepared.matchAll(/^\s*(?:target)?[nN]amespace: "?([a-z0-9-]+)"?\s*$/gm))
      namespaces.add(name);
    for (const document of parseDocuments(prepared))
      if (textAt(document, "kind") === "Namespace") namespaces.add(textAt(document, "metadata", "name"));
    for (const [, name = ""] of prepared.matchAll(/\$\{(\w+)/g)) variables.add(name);
  }
  const { notes, branches, references } = state;
  return { files, sync, notes, branches, kinds, references, variables, namespaces };
}

function readTree(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

function foreignRepositories(files: Readonly<Record<string, string>>, own: RegExp): ReadonlySet<string> {
  const texts = Object.entries(files).filter(([path, text]) => isYaml(path) && text.includes("kind: GitRepository"));
  const repositories = texts
    .flatMap(([, text]) => parseDocuments(text))
    .filter((document) => textAt(document, "kind") === "GitRepository" && !own.test(textAt(document, "spec", "url")));
  return new Set(repositories.map((document) => textAt(document, "metadata", "name")));
}

/** Writes what `flux bootstrap` would where the repository leaves that to it. */
function bootstrap(files: Record<string, string>, path: string, sync: string, state: Preparation): void {
  const components = `${path}/flux-system/gotk-components.yaml`;
  const isPlaceholder = (file: string) => files[file] !== undefined && parseDocuments(files[file]).length === 0;
  if (isPlaceholder(components)) {
    files[components] = state.components;
    note(state, "gotk-components.yaml of another fleet in place of the placeholder");
  }
  if (files[sync] !== undefined && !isPlaceholder(sync)) return;
  files[sync] = syncManifest(path, state.url);
  note(state, "gotk-sync.yaml as flux bootstrap writes it");
}

const syncManifest = (path: string, url: string): string => `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 1m0s
  ref:
    branch: main
  secretRef:
    name: flux-system
  url: ${url}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./${path}
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
`;

function note({ notes }: Preparation, text: string): void {
  notes.set(text, (notes.get(text) ?? 0) + 1);
}

/** Versions that Flux 2.9 serves no more. */
function migrate(text: string, state: Preparation): string {
  if (text.includes("kind: CustomResourceDefinition")) return text;
  return migrations.reduce(
    (current, [pattern, version]) =>
      current.replace(pattern, (found, group: string) => {
        const now = version.replace("$1", group);
        note(state, `${found} is now ${now}`);
        return now;
      }),
    text,
  );
}

/** A base on the network is one for neither side. */
function changeBuild(document: Document, state: Preparation): boolean {
  const { resources } = document.toJS() as { resources?: unknown };
  if (!Array.isArray(resources)) return false;
  const local = resources.filter((entry) => !/^https?:|^git@|github\.com/.test(String(entry)));
  if (local.length === resources.length) return false;
  document.setIn(["resources"], local);
  note(state, "remote base of a kustomization.yaml left out");
  return true;
}

type Change = (document: Document, state: Preparation) => boolean;

const changes: Readonly<Record<string, Change>> = {
  GitRepository: changeRepository,
  HelmChart: changeChart,
  HelmRelease: changeRelease,
  Kustomization: changeKustomization,
  CustomResourceDefinition: changeDefinition,
};

function changeDocument(document: Document, state: Preparation): boolean {
  const group = groupOf(textAt(document, "apiVersion"));
  if (group === "kustomize.config.k8s.io" || (group === "" && document.hasIn(["resources"])))
    return changeBuild(document, state);
  if (group !== "apiextensions.k8s.io" && !group.endsWith(".toolkit.fluxcd.io")) return false;
  return (changes[textAt(document, "kind")] ?? suspend)(document, state);
}

/** Its server, or its controller, is not here. */
function suspend(document: Document, state: Preparation): boolean {
  document.setIn(["spec", "suspend"], true);
  note(state, `${textAt(document, "kind")} suspended, which a stand-in calls ready`);
  return true;
}

function changeChart(document: Document, state: Preparation): boolean {
  if (document.hasIn(["spec", "sourceRef", "namespace"])) {
    document.deleteIn(["spec", "sourceRef", "namespace"]);
    note(state, "field of a HelmChart that is none removed");
  }
  complete(document, "interval", "1h", state);
  return suspend(document, state);
}

/** One without a chart is a patch. */
function changeRelease(document: Document, state: Preparation): boolean {
  const isWhole = document.hasIn(["spec", "chart"]) || document.hasIn(["spec", "chartRef"]);
  if (isWhole) complete(document, "interval", "1h", state);
  return suspend(document, state);
}

/** What Flux refuses and Driftless reads as meant is a case; here it would hide all else. */
function complete(document: Document, field: string, value: unknown, state: Preparation): boolean {
  if (document.hasIn(["spec", field])) return false;
  document.setIn(["spec", field], value);
  note(state, `${field} of a ${textAt(document, "kind")} added, which Flux wants`);
  return true;
}

function changeRepository(document: Document, state: Preparation): boolean {
  const url = textAt(document, "spec", "url");
  if (!state.own.test(url) && url !== state.url) return suspend(document, state);
  const branch = textAt(document, "spec", "ref", "branch");
  if (branch !== "") state.branches.add(branch);
  const secret = textAt(document, "spec", "secretRef", "name");
  if (secret !== "") state.references.add(`Secret/${secret}`);
  document.setIn(["spec", "url"], state.url);
  // Longer than a run: who looks again says so in an event.
  document.setIn(["spec", "interval"], "1h");
  // One that leaves out the whole fleet: the folder it keeps is not among the published files.
  if (textAt(document, "spec", "ignore").includes("/kubernetes")) {
    document.deleteIn(["spec", "ignore"]);
    note(state, "ignore of a GitRepository that leaves out everything removed");
  }
  return true;
}

function changeKustomization(document: Document, state: Preparation): boolean {
  const spec = (document.toJS() as { spec?: KustomizationSpec }).spec ?? {};
  // What charts would make of it is not here.
  const checks = (spec.healthChecks ?? []).filter(({ apiVersion = "", kind }) => isMadeByFleet(apiVersion, kind));
  if (checks.length !== (spec.healthChecks ?? []).length) {
    document.setIn(["spec", "healthChecks"], checks);
    note(state, "health check of what a chart makes left out");
  }
  for (const { kind, name } of spec.postBuild?.substituteFrom ?? []) state.references.add(`${kind}/${name}`);
  let changed = checks.length !== (spec.healthChecks ?? []).length;
  if (spec.sourceRef !== undefined) {
    const given = [complete(document, "interval", "1h", state), complete(document, "prune", false, state)];
    changed = given.includes(true) || changed;
  }
  if (spec.decryption !== undefined) {
    document.deleteIn(["spec", "decryption"]);
    note(state, "decryption of a Kustomization removed");
    changed = true;
  }
  const { kind, name = "" } = spec.sourceRef ?? {};
  const folder = state.artifacts.get(`${name}/${normalPath(spec.path)}`);
  if (kind === "ExternalArtifact" && folder !== undefined) {
    document.setIn(["spec", "sourceRef"], { kind: "GitRepository", name: "flux-system" });
    document.setIn(["spec", "path"], `./${folder}`);
    note(state, "ExternalArtifact replaced by the GitRepository it is made from");
    return true;
  }
  if (kind !== undefined && (kind !== "GitRepository" || state.foreign.has(name))) return suspend(document, state);
  return changed;
}

const isMadeByFleet = (apiVersion: string, kind: string): boolean =>
  apiVersion.includes(".fluxcd.io/") || kind === "CustomResourceDefinition";

interface KustomizationSpec {
  readonly path?: string;
  readonly healthChecks?: readonly { readonly apiVersion?: string; readonly kind: string }[];
  readonly decryption?: unknown;
  readonly sourceRef?: { readonly kind?: string; readonly name?: string };
  readonly postBuild?: { readonly substituteFrom?: readonly { readonly kind: string; readonly name: string }[] };
}

const normalPath = (path = ""): string => path.replace(/^\.?\/+/, "").replace(/\/+$/, "");

/** The controllers that run here need the definitions that were released with them. */
function changeDefinition(document: Document, state: Preparation): boolean {
  const spec = state.definitions.get(textAt(document, "metadata", "name"));
  if (spec === undefined) return false;
  document.setIn(["spec"], document.createNode(spec));
  note(state, "definition of Flux brought to the version of the controllers");
  return true;
}

function* kindOf(document: Document): Iterable<KindInUse> {
  const [group = "", version = ""] = textAt(document, "apiVersion").split("/");
  const kind = textAt(document, "kind");
  if (!isCustomGroup(group) || version === "" || kind === "" || group.startsWith("kustomize.config")) return;
  if (/[${]/.test(kind + group)) return;
  yield { group, version, kind };
}
