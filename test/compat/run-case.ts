/** Runs one case on both sides, step by step, and compares after each. */
import { basename } from "node:path";

import { type ObjectRef, refOf } from "../../shared/api/kube-object.ts";
import { conditionsOf } from "../../shared/health/fields.ts";
import type { GitRoot, GitServer, Repository } from "../fakes/git-server.ts";
import type { Case, Step } from "./case.ts";
import { compareEvents, compareObjects, type Comparison, type Difference, type Place } from "./compare.ts";
import { inventoryRefs, observe } from "./observe.ts";
import { leadsToSide, play } from "./play.ts";
import type { Rest } from "./settle.ts";
import type { Side } from "./side.ts";

export interface CaseResult extends Comparison {
  readonly name: string;
  readonly seconds: number;
  /** What Driftless says of a Kustomization that it does not support yet; then only this is a difference. */
  readonly unsupported: string | undefined;
}

export interface Sides {
  readonly flux: Side;
  readonly driftless: Side;
  readonly server: GitServer;
}

interface StepResult {
  readonly comparisons: readonly Comparison[];
  readonly unsupported: string | undefined;
  /** Whether it came to rest on both sides, so that a next step makes sense. */
  readonly isAtRest: boolean;
}

export async function runCase(subject: Case, sides: Sides, git: GitRoot): Promise<CaseResult> {
  const repositories = createRepositories(subject, git);
  const startedAt = Date.now();
  const refs = new Map<string, ObjectRef>();
  const comparisons: Comparison[] = [];
  let unsupported: string | undefined;
  for (let index = 0; index < subject.steps.length; index += 1) {
    const result = await runStep(subject, index, sides, repositories, refs);
    comparisons.push(...result.comparisons);
    unsupported = result.unsupported;
    if (unsupported !== undefined || !result.isAtRest) break;
  }
  const sum = (of: (comparison: Comparison) => number) => comparisons.reduce((total, one) => total + of(one), 0);
  return {
    name: subject.name,
    seconds: (Date.now() - startedAt) / 1000,
    unsupported,
    objects: sum(({ objects }) => objects),
    fields: sum(({ fields }) => fields),
    differences: comparisons.flatMap(({ differences }) => differences),
  };
}

/** @param refs what to look at; what this step adds is noted in it */
async function runStep(
  subject: Case,
  index: number,
  { flux, driftless, server }: Sides,
  { own, remote }: Repositories,
  refs: Map<string, ObjectRef>,
): Promise<StepResult> {
  const step = subject.steps[index];
  if (!step) throw new Error(`case ${subject.name} has no step ${index + 1}`);
  const place = { case: subject.name, step: index + 1 };
  // Before anything else: both sides must see the same commit.
  if (remote && Object.keys(step.remote).length > 0) remote.commit(step.remote);
  const urlOf = ({ folder }: Repository) => `${server.url}/${basename(folder)}`;
  const files = withRemote(index === 0 ? { ".keep": "", ...step.files } : step.files, remote && urlOf(remote));
  const revision = Object.keys(files).length > 0 ? `main@sha1:${own.commit(files)}` : undefined;
  const stage = { of: subject, step, index, url: urlOf(own), revision };
  const rests = await Promise.all([play(stage, flux), play(stage, driftless)]);
  for (const ref of rests.flatMap((rest) => refsOf(rest, step))) refs.set(JSON.stringify(ref), ref);
  const unsupported = findUnsupported(rests[1]);
  if (unsupported !== undefined) return { comparisons: [notBuilt(place, unsupported)], unsupported, isAtRest: true };
  const look = ({ cluster }: Side, { sources, kustomizations }: Rest) =>
    observe(cluster, subject.observed, [...refs.values()], [...sources, ...kustomizations]);
  const [theirs, ours] = await Promise.all([look(flux, rests[0]), look(driftless, rests[1])]);
  const isAtRest = rests.every(({ restless }) => restless.length === 0);
  const isLast = !isAtRest || index === subject.steps.length - 1;
  return {
    comparisons: [
      compareObjects(place, theirs, ours),
      ...(isAtRest ? [] : [compareRest(place, ...rests)]),
      ...(isLast ? [compareEvents(place, theirs, ours)] : []),
    ],
    unsupported,
    isAtRest,
  };
}

interface Repositories {
  readonly own: Repository;
  /** Of a case that has remote bases. */
  readonly remote: Repository | undefined;
}

function createRepositories({ name, steps }: Case, git: GitRoot): Repositories {
  const isRemote = steps.some((step) => Object.keys(step.remote).length > 0);
  return { own: git.create(name), remote: isRemote ? git.create(`${name}-remote`) : undefined };
}

function withRemote(files: Step["files"], url: string | undefined): Step["files"] {
  if (url === undefined) return files;
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, text?.replaceAll("${REMOTE}", url) ?? null]),
  );
}

/** Of what is or was applied, submitted, or written by hand. */
function refsOf({ kustomizations }: Rest, step: Step): readonly ObjectRef[] {
  const written = Object.values(step.files).flatMap((text) => [...manifestRefs(text ?? "")]);
  return [
    ...inventoryRefs(kustomizations),
    ...step.objects.filter((object) => !leadsToSide(object)).map(refOf),
    ...written,
  ];
}

/** What files name, whether or not they are well-formed: only to know where to look. */
export function* manifestRefs(text: string): Iterable<ObjectRef> {
  for (const document of text.split(/^---/m)) {
    const field = (name: string) => new RegExp(`^${name}: *["']?([^\\s"']+)`, "m").exec(document)?.[1];
    const [apiVersion, kind] = [field("apiVersion"), field("kind")];
    const name = /^metadata:\n(?:^ .*\n)*?^ +name: *["']?([^\s"']+)/m.exec(document)?.[1];
    if (apiVersion && kind && name && kind !== "List" && !apiVersion.startsWith("kustomize.config"))
      yield { apiVersion, kind, name };
  }
}

function findUnsupported({ kustomizations }: Rest): string | undefined {
  return kustomizations.flatMap(conditionsOf).find(({ reason }) => reason === "FeatureNotSupported")?.message;
}

function notBuilt(place: Place, unsupported: string): Comparison {
  const difference: Difference = {
    ...place,
    object: "Case",
    path: "unsupported",
    flux: undefined,
    driftless: unsupported,
  };
  return { objects: 0, fields: 0, differences: [difference] };
}

export function compareRest(place: Place, theirs: Rest, ours: Rest): Comparison {
  const words = ({ restless }: Rest) => (restless.length === 0 ? "at rest" : restless.join("; "));
  const difference: Difference = {
    ...place,
    object: "Case",
    path: "deadline",
    flux: words(theirs),
    driftless: words(ours),
  };
  return { objects: 0, fields: 1, differences: [difference] };
}
