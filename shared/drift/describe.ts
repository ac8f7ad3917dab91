/** Turns what a dry-run found of one object into a record that may be shown: fields, values, and who wrote them. Pure. */
import { createHmac } from "node:crypto";

import { isLosslessNumber, stringify } from "lossless-json";

import { groupOf, type KubeObject, type ManagedFieldsEntry } from "../api/kube-object.ts";
import type { ResourceRef } from "../api/kustomization.ts";
import { applyManager, type Checked } from "../ssa/apply.ts";
import { isMigrated, lostByTakeOver } from "../ssa/field-managers.ts";
import { findOwners } from "../ssa/field-ownership.ts";
import { formatPointer, lookUp, type Pointer } from "../ssa/json-pointer.ts";
import { isMerged } from "../ssa/toggles.ts";
import { redact } from "../substitute/redact.ts";
import { type ChangedField, changedFields, changedFromDesired } from "./changed-fields.ts";
import { type DriftedField, type DriftedObject, recordLimits } from "./record.ts";

export interface DescribeOptions {
  /** Keys the digests of values, so that nobody who sees one can try values out. */
  readonly key: Uint8Array;
  /** Values of Secrets that were substituted and may be anywhere. */
  readonly secretValues: readonly string[];
  readonly ignored: readonly Pointer[];
  /** Prefixes of managers that the cluster's settings take over beside kubectl's. */
  readonly overrideManagers: readonly string[];
  /** Epoch milliseconds. */
  readonly since: number;
}

export function describeDrift(
  entry: ResourceRef,
  { desired, live, dryRun }: Checked,
  options: DescribeOptions,
): DriftedObject {
  const { key, secretValues, overrideManagers, since } = options;
  if (!live) return { ...entry, kind: "deleted", fields: [], digest: digestOf(key, [entry.id, "deleted"]), since };
  const changed = dryRun ? changedBy(desired, live, dryRun, options) : changedFromDesired(live, desired);
  if (changed.length === 0) return { ...entry, ...ownershipOf(entry, live, { key, overrideManagers }), since };
  const textOf = isSecret(desired) ? hashed(key, secretValues) : orHashed(key, plain(secretValues));
  const shown = changed.slice(0, recordLimits.fieldsOfObject);
  const fields = shown.map((field) => describeField(field, live, { textOf, secretValues }));
  const more = changed.length - fields.length;
  const content = changed.map(({ pointer, git, live: value }) => [pointer, exact(git), exact(value)]);
  const digest = digestOf(key, [entry.id, live.metadata.uid, content]);
  return { ...entry, kind: "changed", fields, digest, since, ...(more > 0 ? { more } : {}) };
}

/** What Git does not name and others have added is no difference until their fields are taken over: then it goes. */
function changedBy(
  desired: KubeObject,
  live: KubeObject,
  dryRun: KubeObject,
  { ignored, overrideManagers }: DescribeOptions,
): readonly ChangedField[] {
  const changed = changedFields(live, dryRun, ignored);
  if (isMerged(desired, live)) return changed;
  const told = [...changed.map(({ pointer }) => pointer), ...ignored];
  const isTold = (lost: Pointer) => told.some((pointer) => pointer.every((step, depth) => lost[depth] === step));
  const lost = lostByTakeOver(live, dryRun, overrideManagers).filter((pointer) => !isTold(pointer));
  return [...changed, ...lost.map((pointer) => ({ pointer, git: undefined, live: lookUp(live, pointer)?.value }))];
}

function ownershipOf(
  { id }: ResourceRef,
  { metadata: { managedFields = [], uid } }: KubeObject,
  { key, overrideManagers }: Pick<DescribeOptions, "key" | "overrideManagers">,
) {
  const foreign = managedFields.filter((entry) => isMigrated(entry, overrideManagers));
  const fields = foreign
    .slice(0, recordLimits.fieldsOfObject)
    .map((owner) => ({ pointer: "", git: null, live: null, ...tellOwner(owner) }));
  const digest = digestOf(key, [id, uid, "ownership", foreign.map(({ manager, operation }) => [manager, operation])]);
  return { kind: "ownership", fields, digest } as const;
}

type TextOf = (value: unknown, pointer: Pointer) => string | null;

function describeField(
  { pointer, git, live: value }: ChangedField,
  live: KubeObject,
  { textOf, secretValues }: { readonly textOf: TextOf; readonly secretValues: readonly string[] },
): DriftedField {
  const steps = pointer.map((step) => redact(step, secretValues));
  return {
    pointer: cut(formatPointer(steps), recordLimits.pointerCharacters),
    git: textOf(git, pointer),
    live: textOf(value, pointer),
    ...tellOwner(writerOf(live, pointer)),
  };
}

/** Of several owners the one that is not us, and the last of these. */
function writerOf(live: KubeObject, pointer: Pointer): ManagedFieldsEntry | undefined {
  const owners = [...findOwners(live, pointer)].sort((a, b) => (b.time ?? "").localeCompare(a.time ?? ""));
  return owners.find((entry) => !isOurs(entry)) ?? owners[0];
}

const isOurs = ({ manager, operation }: ManagedFieldsEntry): boolean =>
  manager === applyManager && operation === "Apply";

function tellOwner(owner: ManagedFieldsEntry | undefined): Partial<DriftedField> {
  if (!owner) return {};
  const { manager, operation, subresource, time } = owner;
  return { manager: cut(manager, 128), operation, ...(subresource ? { subresource } : {}), ...(time ? { time } : {}) };
}

const isSecret = ({ apiVersion, kind }: KubeObject): boolean => kind === "Secret" && groupOf(apiVersion) === "";

/** Of a Secret labels and type are no secret; all else may be, an annotation with what was last applied included. */
const hashed =
  (key: Uint8Array, secretValues: readonly string[]): TextOf =>
  (value, pointer) => {
    if (value === undefined) return null;
    const isOpen = pointer[0] === "type" || (pointer[0] === "metadata" && pointer[1] === "labels");
    return isOpen ? plain(secretValues)(value, pointer) : `hmac:${digestOf(key, ["value", exact(value)]).slice(0, 12)}`;
  };

/** What kubectl keeps of a whole object, as JSON in a text, is not looked through. */
const orHashed =
  (key: Uint8Array, textOf: TextOf): TextOf =>
  (value, pointer) =>
    pointer.at(-1) === lastApplied ? hashed(key, [])(value, pointer) : textOf(value, pointer);

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

const plain =
  (secretValues: readonly string[]): TextOf =>
  (value) =>
    value === undefined ? null : cut(shownText(value, secretValues));

/** Each text is looked through before JSON escapes it, and the whole once more, for a value that became a map or a list. */
function shownText(value: unknown, secretValues: readonly string[]): string {
  if (typeof value === "string") return redact(value, secretValues);
  return redact(exact(redactTexts(value, secretValues)), secretValues);
}

function redactTexts(value: unknown, secretValues: readonly string[]): unknown {
  if (typeof value === "string") return redact(value, secretValues);
  if (Array.isArray(value)) return value.map((item) => redactTexts(item, secretValues));
  if (typeof value !== "object" || value === null || isLosslessNumber(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, entry]) => [redact(name, secretValues), redactTexts(entry, secretValues)]),
  );
}

function cut(text: string, most: number = recordLimits.valueCharacters): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** JSON with sorted keys; numbers keep their text. */
function exact(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return `[${value.map(exact).join(",")}]`;
  if (typeof value !== "object" || value === null || isLosslessNumber(value)) return stringify(value) ?? "";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${exact(entry)}`).join(",")}}`;
}

export const digestOf = (key: Uint8Array, content: unknown): string =>
  createHmac("sha256", key).update(JSON.stringify(content)).digest("hex").slice(0, 32);
