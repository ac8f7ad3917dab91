/**
 * Reads Flux objects of a build as they are meant: those of a version that the cluster does not serve any more as the
 * one that it serves, and misprints of well-known examples. An object that Flux could apply is left as it is.
 */
import { groupOf, type KubeObject, subject, versionOf } from "../api/kube-object.ts";
import { readMisprints } from "../api/misprints.ts";
import { liftTo, newerVersions } from "../api/old-versions.ts";
import { isRecord } from "../api/schema.ts";
import { type Cluster, KubeError } from "../kubernetes/cluster.ts";
import { type Desired, eagerly } from "./desired.ts";
import { isFluxGroup } from "./prune.ts";

export interface ReadAsMeant {
  readonly desired: readonly Desired[];
  /** One line for each object that was read otherwise than it says. */
  readonly said: readonly string[];
}

/** @param cluster whose discovery tells what is served, where the build itself does not define the kind */
export async function readAsMeant(desired: readonly Desired[], cluster: Cluster): Promise<ReadAsMeant> {
  const isServed = servedBy(desired, cluster);
  const said: string[] = [];
  const found = new Map<string, Desired>();
  for (const entry of desired) {
    const read =
      entry.isParsed && isFluxGroup(groupOf(entry.ref.apiVersion)) ? await readOne(entry, isServed, said) : entry;
    found.set(read.id, read);
  }
  return { desired: [...found.values()], said };
}

type IsServed = (apiVersion: string, kind: string) => Promise<boolean>;

async function readOne(entry: Desired, isServed: IsServed, said: string[]): Promise<Desired> {
  const given = entry.object();
  const { object: meant, said: misprints } = readMisprints(given) ?? { object: given, said: [] };
  if (misprints.length > 0) said.push(`${subject(given)}: ${misprints.join("; ")}: correct the repository`);
  const lifted = await lift(meant, isServed, said);
  return lifted === given ? entry : eagerly(lifted, entry.text);
}

/** Where no newer version is served either, the definition is missing, and the apply says so. */
async function lift(object: KubeObject, isServed: IsServed, said: string[]): Promise<KubeObject> {
  const { apiVersion, kind } = object;
  const newer = newerVersions(object);
  if (!newer || (await isServed(apiVersion, kind))) return object;
  for (const version of newer) {
    if (!(await isServed(version, kind))) continue;
    const lifted = liftTo(object, version);
    const changes = lifted.said.map((change) => `, ${change}`).join("");
    said.push(
      `${subject(object)}: ${apiVersion} is served no more and read as ${version}${changes}: run flux migrate -f . in the repository`,
    );
    return lifted.object;
  }
  return object;
}

/** A definition of the build is applied before its objects. */
function servedBy(desired: readonly Desired[], cluster: Cluster): IsServed {
  const definitions = desired
    .filter(({ ref, isParsed }) => isParsed && ref.kind === "CustomResourceDefinition")
    .map((entry) => entry.object().spec)
    .filter(isRecord);
  return async (apiVersion, kind) => {
    const defined = definitions.find(
      ({ group, names }) => group === groupOf(apiVersion) && isRecord(names) && names.kind === kind,
    );
    if (!defined) return isKnown(cluster, apiVersion, kind);
    const versions = Array.isArray(defined.versions) ? defined.versions.filter(isRecord) : [];
    return versions.some(({ name, served }) => name === versionOf(apiVersion) && served === true);
  };
}

async function isKnown(cluster: Cluster, apiVersion: string, kind: string): Promise<boolean> {
  try {
    await cluster.resource(apiVersion, kind);
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NoMatch") return false;
    throw error;
  }
}
