/**
 * Finds the Flux objects whose watched Secrets and ConfigMaps changed: those that bear Flux's label are listed, as metadata,
 * once per kind that anything refers to. Others are looked at by their own objects, with the interval.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { watchedConfigs } from "../config/controller-settings.ts";
import type { FluxSettings } from "../config/flux-settings.ts";
import { isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import type { Follower } from "../kubernetes/follow.ts";
import type { FluxObject } from "./due.ts";
import { keepIdentity } from "./keep.ts";

/** `<uid> <resource version>` of each watched object that something refers to, by `Kind/namespace/name selector`. */
export type InputVersions = Readonly<Record<string, string>>;

export interface InputLook {
  /** Keys of the objects that refer to something that came, changed or went. */
  readonly changed: readonly string[];
  readonly versions: InputVersions;
  /** `Kind: why`, of kinds that cannot be listed now: what refers to them counts as unchanged. */
  readonly unseen: readonly string[];
}

type Reference = { readonly kind: string; readonly name: string };
type Named = { readonly name?: unknown } | undefined;

/**
 * @param before what the last look found; without one everything counts as changed, for nothing else looks at it
 * @param follower of one who may list ConfigMaps or Secrets, as metadata; who may list one of them sees that one
 * @throws KubeError when the API server itself cannot be asked
 */
export async function findChangedInputs(
  objects: readonly FluxObject[],
  before: InputVersions,
  { follower, settings }: { readonly follower: Follower; readonly settings: FluxSettings },
): Promise<InputLook> {
  const versions: Record<string, string> = {};
  const changed = new Set<string>();
  const unseen = new Set<string>();
  for (const kind of ["ConfigMap", "Secret"]) {
    const referring = objects.flatMap((object) => inputsOf(object).filter((input) => input.kind === kind));
    for (const [selector, inputs] of groupBy(referring, ({ flux }) => selectorFor(flux.object, settings))) {
      if (selector === undefined) continue;
      const live = await readVersions(follower, kind, selector);
      if (live instanceof KubeError) unseen.add(`${kind}: ${live.message}`);
      for (const { id, flux } of inputs) {
        // Controllers select by different labels: what one of them sees, another one does not.
        const name = `${id} ${selector}`;
        const version = live instanceof KubeError ? before[name] : live.get(id);
        if (version !== before[name]) changed.add(flux.key);
        if (version !== undefined) versions[name] = version;
      }
    }
  }
  return { changed: [...changed], versions, unseen: [...unseen] };
}

async function readVersions(
  follower: Follower,
  kind: string,
  selector: string,
): Promise<ReadonlyMap<string, string> | KubeError> {
  const view = { apiVersion: "v1", kind, metadataOnly: true };
  try {
    const selected = selector === "" ? view : { ...view, labelSelector: selector };
    const { items } = await follower.follow(selected, keepIdentity);
    return new Map(items.map((item) => [idOf(kind, item.metadata), versionOf(item)]));
  } catch (error) {
    if (error instanceof KubeError && (error.code === 429 || !isUnavailable(error))) return error;
    throw error;
  }
}

interface Input {
  readonly id: string;
  readonly kind: string;
  readonly flux: FluxObject;
}

/** Of variables, keys and kubeconfigs, as Flux watches them, and a source's credentials. */
function inputsOf(flux: FluxObject): readonly Input[] {
  const { namespace } = flux.object.metadata;
  if (flux.object.metadata.deletionTimestamp !== undefined) return [];
  return referencesOf(flux.object).map(({ kind, name }) => ({ id: idOf(kind, { name, namespace }), kind, flux }));
}

function referencesOf({ spec }: KubeObject): readonly Reference[] {
  const { suspend, postBuild, decryption, kubeConfig, secretRef } = (spec ?? {}) as {
    readonly suspend?: boolean;
    readonly postBuild?: { readonly substituteFrom?: readonly (Named & { readonly kind?: unknown })[] };
    readonly decryption?: { readonly secretRef?: Named };
    readonly kubeConfig?: { readonly secretRef?: Named; readonly configMapRef?: Named };
    readonly secretRef?: Named;
  };
  if (suspend === true) return [];
  return [
    ...(postBuild?.substituteFrom ?? []),
    { kind: "Secret", name: decryption?.secretRef?.name },
    { kind: "Secret", name: kubeConfig?.secretRef?.name },
    { kind: "ConfigMap", name: kubeConfig?.configMapRef?.name },
    { kind: "Secret", name: secretRef?.name },
  ].filter((reference): reference is Reference => {
    return typeof reference.kind === "string" && typeof reference.name === "string";
  });
}

/** Each controller has a flag of its own. */
const selectorFor = ({ kind }: KubeObject, { kustomize, source }: FluxSettings): string | undefined =>
  kind === "Kustomization" ? watchedConfigs(kustomize) : source.watchConfigsLabelSelector;

const idOf = (kind: string, { namespace = "", name }: { namespace?: string | undefined; name: string }): string =>
  `${kind}/${namespace}/${name}`;

const versionOf = ({ metadata: { uid = "", resourceVersion = "" } }: KubeObject): string => `${uid} ${resourceVersion}`;

function groupBy<K, T>(values: readonly T[], keyOf: (value: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}
