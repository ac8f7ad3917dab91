/** Ids of the inventory: `<namespace>_<name>_<group>_<kind>` (fluxcd/cli-utils pkg/object), the version kept beside. */
import { groupOf, type ObjectRef } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";

const rbacKinds = new Set(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);
const rbacGroup = "rbac.authorization.k8s.io";

/** RBAC names may hold colons, which ids write as two underscores. */
export function formatId({ apiVersion, kind, namespace = "", name }: ObjectRef): string {
  const group = groupOf(apiVersion);
  const written = isRbac(group, kind) ? name.replaceAll(":", "__") : name;
  return `${namespace}_${written}_${group}_${kind}`;
}

export interface ParsedId {
  readonly namespace: string;
  readonly name: string;
  readonly group: string;
  readonly kind: string;
}

/** Namespace from the left, kind and group from the right. Undefined for anything that is not an id. */
export function parseId(id: string): ParsedId | undefined {
  const first = id.indexOf("_");
  const last = id.lastIndexOf("_");
  const middle = id.lastIndexOf("_", last - 1);
  if (first < 0 || middle <= first) return undefined;
  const namespace = id.slice(0, first);
  const group = id.slice(middle + 1, last);
  const kind = id.slice(last + 1);
  const text = id.slice(first + 1, middle);
  const name = isRbac(group, kind) ? text.replaceAll("__", ":") : text;
  if (name === "" || kind === "") return undefined;
  return { namespace, name, group, kind };
}

/** @throws TypeError when the entry was not written by an engine that speaks this form */
export function refOfId({ id, v }: { readonly id: string; readonly v: string }): ObjectRef {
  const parsed = parseId(id);
  if (!parsed) throw new TypeError(`inventory entry "${id}" is not of the form <namespace>_<name>_<group>_<kind>`);
  const { namespace, name, group, kind } = parsed;
  return { apiVersion: group === "" ? v : `${group}/${v}`, kind, name, ...(namespace === "" ? {} : { namespace }) };
}

/**
 * The entries of a status as far as they can be read: whoever may write the status can put anything there, and an entry
 * that names no object must not keep the others from being looked at.
 */
export function readInventory(status: unknown): readonly ResourceRef[] {
  const { inventory } = (status ?? {}) as { readonly inventory?: { readonly entries?: unknown } | null };
  const entries = inventory?.entries;
  if (!Array.isArray(entries)) return [];
  return entries.filter((entry: unknown): entry is ResourceRef => {
    const { id, v } = (entry ?? {}) as Partial<ResourceRef>;
    return typeof id === "string" && typeof v === "string" && v !== "" && parseId(id) !== undefined;
  });
}

const isRbac = (group: string, kind: string): boolean => group === rbacGroup && rbacKinds.has(kind);
