/**
 * Objects of Flux's API as published examples misprint them, read as meant. Flux's own API server refuses each of
 * these, or ignores what it says, so no object that works with Flux is read otherwise.
 */
import { groupOf, type KubeObject } from "./kube-object.ts";
import { fluxKinds } from "./old-versions.ts";
import { isRecord } from "./schema.ts";

export interface Reading {
  readonly object: KubeObject;
  /** What was read as what, one line each: `spec.postBuildSubstitute is read as spec.postBuild.substitute`. */
  readonly said: readonly string[];
}

/** Undefined for objects that the rule is not about. */
type Rule = (object: KubeObject) => Reading | undefined;

const isFlux = (group: string): boolean => group.endsWith(".toolkit.fluxcd.io");

/** `kind: HelmRelease` under `source.toolkit.fluxcd.io`. */
const group: Rule = (object) => {
  const meant = fluxKinds.get(object.kind);
  const given = groupOf(object.apiVersion);
  if (meant === undefined || !isFlux(given) || given === groupOf(meant)) return undefined;
  return { object: { ...object, apiVersion: meant }, said: [`apiVersion ${object.apiVersion} is read as ${meant}`] };
};

/** `spec.postBuildSubstitute` and `spec.postBuildSubstituteFrom`; where `postBuild` says it too, nobody knows what is meant. */
const postBuild: Rule = ({ spec, ...object }) => {
  if (object.kind !== "Kustomization" || !isRecord(spec)) return undefined;
  const { postBuildSubstitute: substitute, postBuildSubstituteFrom: substituteFrom, ...rest } = spec;
  const given = Object.entries({ substitute, substituteFrom }).filter(([, value]) => value !== undefined);
  const known = isRecord(rest.postBuild) ? rest.postBuild : {};
  if (given.length === 0 || given.some(([name]) => name in known)) return undefined;
  const said = given.map(([name]) => `spec.postBuild${capital(name)} is read as spec.postBuild.${name}`);
  return { object: { ...object, spec: { ...rest, postBuild: { ...known, ...Object.fromEntries(given) } } }, said };
};

/** Fields that the kind requires: the reading that changes least. */
const required =
  (kind: string, field: string, value: unknown): Rule =>
  ({ spec, ...object }) => {
    if (object.kind !== kind || !isRecord(spec) || spec[field] !== undefined) return undefined;
    const said = [`spec.${field} is missing and read as ${String(value)}`];
    return { object: { ...object, spec: { ...spec, [field]: value } }, said };
  };

/** A pattern with two slashes in a row matches nothing. It is left as it is: what it would leave out may be in use. */
const ignore: Rule = (object) => {
  const { ignore: text } = isRecord(object.spec) ? object.spec : {};
  if (typeof text !== "string") return undefined;
  const said = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !line.startsWith("#") && line.includes("//"))
    .map((line) => `the pattern ${line} of spec.ignore matches nothing, ${line.replace(/\/{2,}/g, "/")} would`);
  return said.length === 0 ? undefined : { object, said };
};

const rules: readonly Rule[] = [
  group,
  postBuild,
  required("Kustomization", "prune", false),
  required("HelmRelease", "interval", "10m"),
  ignore,
];

/** Undefined when the object says what it means. */
export function readMisprints(given: KubeObject): Reading | undefined {
  if (!isFlux(groupOf(given.apiVersion))) return undefined;
  const reading = rules.reduce<Reading>(
    ({ object, said }, rule) => {
      const next = rule(object);
      return next ? { object: next.object, said: [...said, ...next.said] } : { object, said };
    },
    { object: given, said: [] },
  );
  return reading.said.length === 0 ? undefined : reading;
}

/** Whether the text of a built document may be one that is read otherwise than it says; cheaper than parsing it. */
export function mayBeMisread(text: string): boolean {
  const [, apiVersion = ""] = /(?:^|[\n{,])"?apiVersion"?: *["']?([\w.]+\.toolkit\.fluxcd\.io\/\w+)/.exec(text) ?? [];
  if (apiVersion === "") return false;
  const [, kind = ""] = /(?:^|[\n{,])"?kind"?: *["']?(\w+)/.exec(text) ?? [];
  const known = fluxKinds.get(kind);
  if (/beta\d+$/.test(apiVersion) || (known !== undefined && groupOf(known) !== groupOf(apiVersion))) return true;
  const lacks = (field: string) => !new RegExp(`\\b${field}\\b`).test(text);
  if (kind === "Kustomization") return text.includes("postBuildSubstitute") || lacks("prune");
  if (kind === "HelmRelease") return lacks("interval");
  return /\bignore\b[^]*\/\//.test(text);
}

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
