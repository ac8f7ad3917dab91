/** What beside an object's text decides what is done to it: fields of the spec, and how the cluster is applied to. */
import { createHash } from "node:crypto";

import type { KubeObject } from "../api/kube-object.ts";
import { type KustomizationSpec, parseKustomization } from "../api/kustomization.ts";
import { type ApplySettings, defaultApplySettings } from "../config/apply-settings.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { type IgnoredFields, ignoreNothing, parseIgnoreRules } from "../ssa/ignore.ts";

export interface ApplyRules {
  readonly force: boolean;
  readonly ignored: IgnoredFields;
  readonly settings: ApplySettings;
  /** Tells whether objects that are as they were left need another look; empty for a spec and settings without rules. */
  readonly digest: string;
}

export const noRules: ApplyRules = { force: false, ignored: ignoreNothing, settings: defaultApplySettings, digest: "" };

/** @throws ReconcileError ReconciliationFailed for a rule whose target is no selector */
export function rulesOf(
  { force, ignore = [], commonMetadata = {} }: Pick<KustomizationSpec, "force" | "ignore" | "commonMetadata">,
  settings: ApplySettings = defaultApplySettings,
): ApplyRules {
  const { overrideManagers, overrideManagersBeforeDryRun, migrateApiVersion } = settings;
  const named = { ignore, commonMetadata, overrideManagers, overrideManagersBeforeDryRun, migrateApiVersion };
  const given = Object.entries(named).filter(([, value]) => value === true || Object.keys(value).length > 0);
  const digest =
    given.length === 0 ? "" : createHash("sha256").update(JSON.stringify(given)).digest("hex").slice(0, 32);
  return { force, ignored: parseIgnoreRules(ignore), settings, digest };
}

/** The same of an object that may be anything; what cannot be read is no rule, the object's next run says why. */
export function readRules(object: KubeObject, settings?: ApplySettings): ApplyRules {
  const parsed = parseKustomization(object);
  if (!parsed.ok) return noRules;
  try {
    return rulesOf(parsed.value.spec, settings);
  } catch (error) {
    if (error instanceof ReconcileError) return noRules;
    throw error;
  }
}
