/** Plays one cluster of a public fleet on both sides, each with a server of its own, and compares what is there then. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { gitRepositoryKind } from "../../../shared/api/git-repository.ts";
import { type KubeObject, type ObjectRef, subject } from "../../../shared/api/kube-object.ts";
import { conditionsOf } from "../../../shared/health/fields.ts";
import type { GitServer, Repository } from "../../fakes/git-server.ts";
import { compareEvents, compareObjects, type Comparison, type Difference, type Place } from "../compare.ts";
import { everywhere, inventoryRefs, type Observation, observe } from "../observe.ts";
import { withoutChance } from "./without-chance.ts";
import { type CaseResult, compareRest, manifestRefs } from "../run-case.ts";
import { type Rest, settle } from "../settle.ts";
import { createDriftlessSide, createFluxSide, type Side } from "../side.ts";
import { stubDefinitions } from "./definitions.ts";
import type { PlacedFleet } from "./fleets.ts";
import { buildFluxSystem, flagsOf, type FluxParts, readObjects } from "./flux-parts.ts";
import { type PreparedFleet, prepareFleet } from "./prepare.ts";
import { startStandIn } from "./stand-in.ts";

export interface FleetResult extends CaseResult {
  readonly notes: ReadonlyMap<string, number>;
  readonly defects: readonly string[];
  readonly kustomizations: number;
  /** Those that did not become ready on either side, and why. */
  readonly unready: readonly string[];
}

const submitter = "flux";
const deadlineSeconds = 150;
const quietMillis = 4_000;

export async function runFleet(
  placed: PlacedFleet,
  parts: FluxParts,
  server: GitServer,
  repository: Repository,
): Promise<FleetResult> {
  const startedAt = Date.now();
  const url = `${server.url}/${basename(repository.folder)}`;
  const definitions = new Map(parts.definitions.map(({ metadata, spec }) => [metadata.name, spec]));
  const prepared = prepareFleet(placed, { url, components: parts.components, definitions });
  commit(prepared, placed, repository);
  const fluxSystem = await withFolder(prepared.files, (folder) => buildFluxSystem(folder, placed.cluster.path));
  const starting = [createFluxSide(flagsOf(fluxSystem)), createDriftlessSide()] as const;
  try {
    const [flux, driftless] = await Promise.all(starting);
    const play = (side: Side) => playFleet(side, prepared, fluxSystem, parts);
    const [theirs, ours] = await Promise.all([play(flux), play(driftless)]);
    const comparisons = await compareSides(placed, prepared, [flux, theirs], [driftless, ours]);
    const sum = (of: (comparison: Comparison) => number) => comparisons.reduce((total, one) => total + of(one), 0);
    return {
      name: placed.name,
      seconds: (Date.now() - startedAt) / 1000,
      unsupported: undefined,
      objects: sum(({ objects }) => objects),
      fields: sum(({ fields }) => fields),
      differences: comparisons.flatMap(({ differences }) => differences),
      notes: prepared.notes,
      defects: driftless.takeDefects(),
      kustomizations: theirs.kustomizations.length,
      unready: theirs.kustomizations.flatMap(describeUnready),
    };
  } finally {
    const sides = await Promise.allSettled(starting);
    await Promise.allSettled(sides.map(async (side) => (side.status === "fulfilled" ? side.value.close() : undefined)));
  }
}

function describeUnready(one: KubeObject): readonly string[] {
  const ready = conditionsOf(one).find(({ type }) => type === "Ready");
  return ready?.status === "True" ? [] : [`${subject(one)}: ${ready?.reason ?? ""} ${ready?.message ?? ""}`];
}

function commit({ files, branches }: PreparedFleet, { cluster }: PlacedFleet, repository: Repository): void {
  const fleet = repository.commit(files);
  const followed = Object.entries(cluster.branches ?? {});
  for (const [branch, content] of followed) {
    repository.git("symbolic-ref", "HEAD", `refs/heads/${branch}`);
    repository.commit(content);
  }
  repository.git("symbolic-ref", "HEAD", "refs/heads/main");
  for (const branch of branches)
    if (!followed.some(([name]) => name === branch)) repository.git("update-ref", `refs/heads/${branch}`, fleet);
}

async function withFolder<T>(
  files: Readonly<Record<string, string>>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "compat-fleet-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As `flux bootstrap`: definitions and components first, without the controllers; then the source, then the root. */
async function playFleet(
  side: Side,
  prepared: PreparedFleet,
  fluxSystem: readonly KubeObject[],
  parts: FluxParts,
): Promise<Rest> {
  const submit = (object: KubeObject) => submitTo(side, object);
  const known = new Set(parts.definitions.map(({ metadata }) => metadata.name));
  const stubs = stubDefinitions(prepared.kinds).filter(({ metadata }) => !known.has(metadata.name));
  const controlled = [...parts.definitions, ...stubs].map(kindOfDefinition);
  for (const definition of [...parts.definitions, ...stubs]) await submit(definition);
  await side.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  const isSync = ({ kind, metadata }: KubeObject) =>
    metadata.name === "flux-system" && ["GitRepository", "Kustomization"].includes(kind);
  const components = fluxSystem.filter((object) => !isSync(object) && object.kind !== "Deployment");
  for (const object of [...namespaceObjects(prepared), ...components]) await submit(object);
  for (const object of stubObjects(prepared)) await submit(object);
  await served(side, [...parts.definitions, ...stubs].map(kindOfDefinition));
  const synced = fluxSystem.filter(isSync);
  const sync = synced.length > 0 ? synced : readObjects(prepared.files[prepared.sync] ?? "");
  const standIn = startStandIn(side.cluster, controlled);
  try {
    const isSource = ({ kind }: KubeObject) => kind === gitRepositoryKind;
    await bring(side, sync.filter(isSource), 0);
    return await bring(
      side,
      sync.filter((object) => !isSource(object)),
      quietMillis,
    );
  } finally {
    await standIn.stop();
  }
}

const submitTo = (side: Side, object: KubeObject) =>
  side.cluster.apply(object, { fieldManager: submitter, force: true });

async function bring(side: Side, objects: readonly KubeObject[], quietMillis: number): Promise<Rest> {
  for (const object of objects) await submitTo(side, object);
  await side.notify(objects);
  const deadline = Date.now() + deadlineSeconds * 1000;
  return settle(side.cluster, everywhere, { deadline, quietMillis, revisions: new Map(), ready: false });
}

/** A definition that was written again is for a moment in no discovery document. */
async function served(side: Side, kinds: readonly ReturnType<typeof kindOfDefinition>[]): Promise<void> {
  const isServed = ({ apiVersion, kind }: (typeof kinds)[number]) =>
    side.cluster.resource(apiVersion, kind).then(
      () => true,
      () => false,
    );
  const deadline = Date.now() + 30_000;
  while (!(await Promise.all(kinds.map(isServed))).every(Boolean)) {
    if (Date.now() > deadline) throw new Error(`${side.name}: some definitions are not served`);
    await pause(1_100);
  }
}

interface DefinitionSpec {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}

const specOf = ({ spec }: KubeObject) => spec as DefinitionSpec;

function kindOfDefinition(definition: KubeObject): { readonly apiVersion: string; readonly kind: string } {
  const { group, names, versions } = specOf(definition);
  const { name = "" } = versions.find(({ storage }) => storage) ?? {};
  return { apiVersion: `${group}/${name}`, kind: names.kind };
}

const namespaceObjects = ({ namespaces }: PreparedFleet): readonly KubeObject[] =>
  [...namespaces]
    .filter((name) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name))
    .map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));

/** What variables are taken from and what logs in, where the fleet leaves it to its owner. */
function stubObjects({ references, variables }: PreparedFleet): readonly KubeObject[] {
  const values = Object.fromEntries([...variables].map((name) => [name, "stub"]));
  return [...references].map((reference) => {
    const [kind = "", name = ""] = reference.split("/");
    const isSecret = kind === "Secret";
    return {
      apiVersion: "v1",
      kind,
      metadata: { name, namespace: "flux-system" },
      ...(isSecret ? { stringData: { ...values, username: "git", password: "stub" } } : { data: values }),
    };
  });
}

async function compareSides(
  { name }: PlacedFleet,
  { files }: PreparedFleet,
  [flux, theirRest]: readonly [Side, Rest],
  [driftless, ourRest]: readonly [Side, Rest],
): Promise<readonly Comparison[]> {
  const place = { case: name, step: 1 };
  const refs = new Map<string, ObjectRef>();
  const written = Object.values(files).flatMap((text) => [...manifestRefs(text)]);
  const applied = [theirRest, ourRest].flatMap(({ kustomizations }) => inventoryRefs(kustomizations));
  for (const ref of [...applied, ...written]) refs.set(JSON.stringify(ref), ref);
  const look = ({ cluster }: Side, { sources, kustomizations }: Rest) =>
    observe(cluster, everywhere, [...refs.values()], [...sources, ...kustomizations]);
  const seen = await Promise.all([look(flux, theirRest), look(driftless, ourRest)]);
  const [theirs, ours] = seen.map(withoutChance) as [Observation, Observation];
  const isAtRest = [theirRest, ourRest].every(({ restless }) => restless.length === 0);
  const left = leaveOutUnbuilt(place, theirs, ours);
  return [
    left.unbuilt,
    compareObjects(place, left.theirs, left.ours),
    compareEvents(place, left.theirs, left.ours),
    ...(isAtRest ? [] : [compareRest(place, theirRest, ourRest)]),
  ];
}

/** Of a Kustomization that Driftless refuses as not built only this is a difference. */
function leaveOutUnbuilt(place: Place, theirs: Observation, ours: Observation) {
  const differences: Difference[] = [];
  for (const [object, tree] of ours.objects) {
    const { conditions } = (tree?.status ?? {}) as {
      conditions?: Record<string, { reason?: string; message?: string }>;
    };
    const { reason, message } = conditions?.Ready ?? {};
    if (reason === "FeatureNotSupported")
      differences.push({ ...place, object, path: "unsupported", flux: undefined, driftless: message });
  }
  const out = new Set(differences.map(({ object }) => object));
  const without = ({ objects, events }: Observation): Observation => ({
    objects: new Map([...objects].filter(([object]) => !out.has(object))),
    events: events.filter(({ object }) => !out.has(object)),
  });
  return { unbuilt: { objects: 0, fields: 0, differences }, theirs: without(theirs), ours: without(ours) };
}
