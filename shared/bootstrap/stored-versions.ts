/**
 * Has Flux's objects stored, and their owners noted, in the version that stays, as `flux migrate` does. Until then a
 * definition cannot drop its old version; and once it has, an object with owners noted in that one cannot be applied
 * (`request to convert CR to an invalid group/version`), while any other write to it forgets all of its owners.
 */
import { type KubeObject, type ManagedFieldsEntry, type ObjectRef, refOf, subject } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import { fieldAt, stringAt } from "../health/fields.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { each } from "../runtime/each.ts";
import { noteInVersion } from "../ssa/field-managers.ts";

export interface MigrationPorts {
  readonly reader: Cluster;
  /** May patch Flux's objects and the status of definitions. */
  readonly writer: Cluster;
  /** Called before every write. */
  readonly fence: () => void;
}

const definitionApiVersion = "apiextensions.k8s.io/v1";
const definitionKind = "CustomResourceDefinition";
const fluxDefinition = /\.(?:toolkit|extensions)\.fluxcd\.io$/u;
/** Paced: the API server has other clients, and nothing waits for this but our own first write. */
const inFlight = 4;
const attempts = 5;
/** Nothing is owned by it, for nothing is changed: the name under which `flux migrate` writes. */
const fieldManager = "flux";
/** Who notes the stored versions; under another name, that would be left behind as their owner. */
const definitionsManager = "kube-apiserver";

/**
 * All kinds of Flux, whether the engine works on them or not. A definition's status is written when the last of its
 * objects was, so that whoever is killed in between begins again.
 *
 * @returns what the API server refuses, and why; empty when nothing is stored or noted in another version any more
 * @throws KubeError when the API server cannot be asked now
 */
export async function migrateStoredVersions(ports: MigrationPorts): Promise<readonly string[]> {
  const { items } = await ports.reader.list(definitionApiVersion, definitionKind, { metadataOnly: true });
  const refused: string[] = [];
  for (const { metadata } of items.filter(({ metadata: { name } }) => fluxDefinition.test(name))) {
    const definition = await ports.reader.get(definitionRef(metadata.name));
    const versions = definition && versionsOf(definition);
    if (versions) refused.push(...(await migrateKind(versions, ports)));
  }
  return refused;
}

interface Versions {
  readonly definition: KubeObject;
  readonly kind: string;
  /** As `group/version`: where objects are read and owners noted. */
  readonly target: string;
  readonly storage: string;
  /** Objects may be stored in other versions than `storage`. */
  readonly isMixed: boolean;
}

const definitionRef = (name: string): ObjectRef => ({ apiVersion: definitionApiVersion, kind: definitionKind, name });

/** Undefined where nothing is served, or nothing was ever stored: the definition is no older than this moment. */
function versionsOf(definition: KubeObject): Versions | undefined {
  const group = stringAt(definition, ["spec", "group"], "");
  const all = recordsAt(fieldAt(definition, "spec", "versions"));
  const storage = all.find((version) => version.storage === true);
  const target = storage?.served === true ? storage : all.find((version) => version.served === true);
  const stored: unknown = fieldAt(definition, "status", "storedVersions");
  if (!storage || !target || !Array.isArray(stored)) return undefined;
  return {
    definition,
    kind: stringAt(definition, ["spec", "names", "kind"], ""),
    target: `${group}/${String(target.name)}`,
    storage: String(storage.name),
    isMixed: stored.some((version) => version !== storage.name),
  };
}

const recordsAt = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];

async function migrateKind(versions: Versions, ports: MigrationPorts): Promise<readonly string[]> {
  const { definition, kind, target, storage, isMixed } = versions;
  const { items } = await ports.reader.list(target, kind, { metadataOnly: true });
  const refused: string[] = [];
  const tell = async (what: string, write: () => Promise<unknown>) => {
    const reason = await refusalOf(write);
    if (reason !== undefined) refused.push(`${what}: ${reason}`);
  };

  const left = isMixed ? items : items.filter(({ metadata }) => (metadata.managedFields ?? []).some(isStale(versions)));
  await each(left, inFlight, (object) =>
    tell(`${subject(object)} cannot be stored as ${target}`, () => migrateObject(object, versions, ports)),
  );
  if (!isMixed || refused.length > 0) return refused;

  ports.fence();
  const { resourceVersion } = definition.metadata;
  await tell(`${subject(definition)} still names old stored versions`, () =>
    ports.writer.mergePatch(
      refOf(definition),
      { metadata: { resourceVersion }, status: { storedVersions: [storage] } },
      { fieldManager: definitionsManager, subresource: "status" },
    ),
  );
  return refused;
}

const isStale =
  ({ target }: Versions) =>
  ({ apiVersion = target }: ManagedFieldsEntry): boolean =>
    apiVersion !== target;

/** Any write stores an object anew; one that changes nothing too, as long as it lies there in another version. */
async function migrateObject(listed: KubeObject, versions: Versions, { reader, writer, fence }: MigrationPorts) {
  let object: KubeObject | undefined = listed;
  for (let attempt = 1; object; attempt += 1) {
    const { managedFields = [], resourceVersion } = object.metadata;
    fence();
    if (!managedFields.some(isStale(versions))) return writer.mergePatch(refOf(object), {}, { fieldManager });
    const value = noteInVersion(managedFields, versions.target, isStale(versions));
    try {
      return await writer.jsonPatch(
        refOf(object),
        [
          { op: "replace", path: "/metadata/managedFields", value },
          { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
        ],
        { fieldManager },
      );
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "Conflict" || attempt === attempts) throw error;
      object = await reader.get(refOf(object));
    }
  }
  return undefined;
}

async function refusalOf(write: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    return error.code === 404 ? undefined : error.message;
  }
}
