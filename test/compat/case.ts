/**
 * A case is a folder: files of a repository, the objects that a user submits, and steps that follow. README.md beside
 * this file says what may be in it.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import { parse, parseAllDocuments } from "yaml";

import type { KubeObject } from "../../shared/api/kube-object.ts";

export interface Step {
  /** Files of the repository by path; `null` deletes. */
  readonly files: Readonly<Record<string, string | null>>;
  /** Files of a second repository, which `${REMOTE}` in the files of the first one stands for. */
  readonly remote: Readonly<Record<string, string>>;
  /** Submitted in this order. */
  readonly objects: readonly KubeObject[];
  /** Arguments of kubectl commands that are run before all else, as a user would. */
  readonly kubectl: readonly (readonly string[])[];
  /** Whether the Kustomizations are asked to reconcile; by default when a step consists of commands alone. */
  readonly reconcile: boolean;
  /** Whether it is over only when all Kustomizations are Ready; else failing ones count as well. */
  readonly ready: boolean;
  /** Driftless is not told of it, and finds out by the sweep of every minute. */
  readonly unaided: boolean;
  /** What passes after the step before anybody looks, for what comes with an interval. */
  readonly waitSeconds: number;
}

export interface Case {
  /** Also the first of its namespaces. */
  readonly name: string;
  readonly about: string;
  /** Made before the case begins. */
  readonly namespaces: readonly string[];
  /** The same and those that the case itself makes. */
  readonly observed: readonly string[];
  readonly deadlineSeconds: number;
  readonly steps: readonly Step[];
}

const defaultDeadlineSeconds = 60;

export function listCases(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** @throws when the case says nothing about itself, or a file of it cannot be read as YAML */
export function loadCase(folder: string, name: string): Case {
  const at = join(folder, name);
  const settings = readYaml(join(at, "case.yaml"));
  if (typeof settings.about !== "string") throw new Error(`case ${name}: case.yaml lacks a line \`about\``);
  const steps = [loadStep(at, name)];
  for (let number = 2; existsSync(join(at, `step-${number}`)); number += 1)
    steps.push(loadStep(join(at, `step-${number}`), name));
  const namespaces = [name, ...((settings.namespaces ?? []) as string[])];
  return {
    name,
    about: settings.about,
    namespaces,
    observed: [...namespaces, ...((settings.observe ?? []) as string[])],
    deadlineSeconds: (settings.deadlineSeconds ?? defaultDeadlineSeconds) as number,
    steps,
  };
}

function loadStep(folder: string, namespace: string): Step {
  const settings = readYaml(join(folder, "step.yaml"));
  const kubectl = (settings.kubectl ?? []) as string[][];
  const deleted = ((settings.delete ?? []) as string[]).map((path) => [path, null] as const);
  const objects = readObjects(join(folder, "cluster.yaml"), namespace);
  const files = { ...readTree(join(folder, "repo")), ...Object.fromEntries(deleted) };
  const alone =
    settings.unaided !== true && kubectl.length > 0 && objects.length === 0 && Object.keys(files).length === 0;
  return {
    files,
    remote: readTree(join(folder, "remote")),
    objects,
    kubectl,
    reconcile: (settings.reconcile ?? alone) as boolean,
    ready: settings.ready === true,
    unaided: settings.unaided === true,
    waitSeconds: (settings.wait ?? 0) as number,
  };
}

function readYaml(path: string): Readonly<Record<string, unknown>> {
  return existsSync(path) ? ((parse(readFileSync(path, "utf8")) ?? {}) as Record<string, unknown>) : {};
}

function readObjects(path: string, namespace: string): readonly KubeObject[] {
  if (!existsSync(path)) return [];
  return parseAllDocuments(readFileSync(path, "utf8")).map((document) => {
    const object = document.toJS() as KubeObject;
    const isScoped = !clusterScoped.has(object.kind);
    return { ...object, metadata: { ...(isScoped ? { namespace } : {}), ...object.metadata } };
  });
}

const clusterScoped = new Set(["Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"]);

function readTree(folder: string): Readonly<Record<string, string>> {
  if (!existsSync(folder)) return {};
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}
