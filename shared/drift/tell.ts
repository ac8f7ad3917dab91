/** Drift in words: of the condition, of events and of the log. Objects, fields and managers; never values. Pure. */
import { createHash } from "node:crypto";

import { subjectOf } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import { refOfId } from "../inventory/id.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { applyManager } from "../ssa/apply.ts";
import type { DriftedField, DriftedObject, StandingObject } from "./record.ts";
import { endOf, type Standing, type StandingReason } from "./standing.ts";

const listedObjects = 5;
const listedFields = 3;

export const subjectOfDrift = (object: DriftedObject): string => subjectOf(refOfId(object));

/** `ConfigMap/apps/settings /data/color by kubectl-edit at 2026-01-01T00:00:00Z` */
export const describe = (object: DriftedObject): string => `${subjectOfDrift(object)} ${whatHappened(object)}`;

export function whatHappened(object: DriftedObject): string {
  const { actor } = object;
  return `${changeOf(object)}${actor ? ` (${actor.user})` : ""}`;
}

function changeOf({ kind, fields, more = 0 }: DriftedObject): string {
  if (kind === "deleted") return "was deleted";
  if (kind === "ownership") return `is owned by ${managersOf(fields) || "another manager"} too`;
  const shown = fields.slice(0, listedFields).map((field) => `${field.pointer}${byWhom(field)}`);
  return listOf(shown, fields.length + more);
}

function byWhom({ manager, subresource, time }: DriftedField): string {
  if (manager === undefined) return "";
  return ` by ${manager}${subresource ? ` through ${subresource}` : ""}${time ? ` at ${time}` : ""}`;
}

const managersOf = (fields: readonly DriftedField[]): string =>
  [...new Set(fields.flatMap(({ manager }) => manager ?? []))].join(", ");

const listOf = (shown: readonly string[], count: number): string =>
  `${shown.join(", ")}${count > shown.length ? ` and ${count - shown.length} more` : ""}`;

/** The worst comes first. */
const reasons: readonly StandingReason[] = [
  "DriftCorrectionFailed",
  "DriftFlapping",
  "DriftAwaitsApproval",
  "DriftWarned",
  "DriftAwaitsInterval",
  "DriftSnoozed",
];

/** What stands; undefined when nothing does. */
export function standingOf(
  { metadata: { name, namespace } }: Kustomization,
  { standing, more = 0, plan }: { standing: readonly StandingObject[]; more?: number; plan: string },
  { mark, again }: { readonly mark: string; readonly again: number | undefined },
): Standing | undefined {
  const reason = reasons.find((one) => standing.some((object) => object.reason === one));
  if (!reason) return undefined;
  const count = standing.length + more;
  const what = `${count} ${count === 1 ? "object differs" : "objects differ"} from Git`;
  const list = listOf(standing.slice(0, listedObjects).map(describe), count);
  const approval = `to have it corrected: driftless approve drift kustomization ${name} -n ${namespace}`;
  const next = again === undefined ? "" : ` at ${rfc3339(again)}`;
  const words: Readonly<Record<StandingReason, string>> = {
    DriftCorrectionFailed: "its correction was refused, Ready says why",
    DriftFlapping: `${flappersOf(standing)} rewrites what ${applyManager} corrects, the next correction is due${next}`,
    DriftAwaitsApproval: approval,
    DriftWarned: "left until what Git describes changes",
    DriftAwaitsInterval: `to be corrected with the interval${next}`,
    DriftSnoozed: "snoozed",
  };
  return { reason, message: `${what}: ${list}; ${words[reason]}${endOf(mark, plan)}` };
}

const flappersOf = (standing: readonly StandingObject[]): string =>
  managersOf(standing.filter(({ reason }) => reason === "DriftFlapping").flatMap(({ fields }) => fields)) ||
  "an unknown manager";

/** One for exactly what stands; empty when nothing does. */
export function planOf(standing: readonly Pick<DriftedObject, "digest">[]): string {
  if (standing.length === 0) return "";
  const digests = standing.map(({ digest }) => digest).sort();
  return createHash("sha256").update(JSON.stringify(digests)).digest("hex").slice(0, 32);
}

export interface Told {
  readonly object: DriftedObject;
  readonly end: string;
}

/** A line for each object, the first ones of many. */
export function eventText(told: readonly Told[]): string {
  const lines = told.slice(0, 2 * listedObjects).map(({ object, end }) => `${describe(object)}: ${end}`);
  return [...lines, ...(told.length > lines.length ? [`and ${told.length - lines.length} more`] : [])].join("\n");
}

/** What is said of an object that stays as it is. */
export function endOfStanding({ reason, fields }: StandingObject, again: number | undefined): string {
  const next = again === undefined ? "" : ` at ${rfc3339(again)}`;
  const words: Readonly<Record<StandingReason, string>> = {
    DriftCorrectionFailed: "correction refused",
    DriftFlapping: `${managersOf(fields) || "an unknown manager"} and ${applyManager} rewrite it in turns, corrected again${next}`,
    DriftAwaitsApproval: "left until it is approved",
    DriftWarned: "left",
    DriftAwaitsInterval: `to be corrected${next}`,
    DriftSnoozed: "left, snoozed",
  };
  return words[reason];
}
