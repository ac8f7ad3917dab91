/** The flags and feature gates with which a repository would run Flux, as settings of the cluster; they fail closed. */
import type { KubeObject } from "../api/kube-object.ts";
import { fluxControllers } from "../bootstrap/names.ts";
import type { ApplySettings } from "./apply-settings.ts";
import type { Compatibility } from "./compatibility.ts";
import {
  type KustomizeSettings,
  readKustomizeSettings,
  readSourceSettings,
  type SourceSettings,
} from "./controller-settings.ts";
import { checkFlags, findShards, statedCompatibility, warnOfOthers } from "./find-shards.ts";
import { createShards, type Findings } from "./shards.ts";

export interface FluxSettings {
  readonly compatibility: Compatibility;
  readonly kustomize: KustomizeSettings;
  readonly source: SourceSettings;
  /** Why no object of a tenant may be reconciled with these settings; empty when all was understood. */
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
}

export interface ReadOptions {
  /** Of the fleet file; goes before what the manifests state. */
  readonly compatibility?: Compatibility | undefined;
}

/** @param objects what the root's own build asks for; without controllers of Flux's among them all is as by default */
export function readFluxSettings(objects: readonly KubeObject[], options: ReadOptions = {}): FluxSettings {
  const findings: Findings = { refused: [], warnings: [] };
  for (const controller of fluxControllers) checkFlags(controller, findShards(controller, objects, findings), findings);
  warnOfOthers(objects, findings);
  const read = (controller: "kustomize-controller" | "source-controller") =>
    createShards(controller, findShards(controller, objects), findings);
  const compatibility = options.compatibility ?? statedCompatibility(objects, findings);
  return {
    compatibility,
    kustomize: readKustomizeSettings(read("kustomize-controller"), compatibility, findings),
    source: readSourceSettings(read("source-controller")),
    ...findings,
  };
}

/** Of a cluster that nothing was read for yet, or whose repository runs no Flux. */
export const defaultFluxSettings = (compatibility?: Compatibility): FluxSettings =>
  readFluxSettings([], { compatibility });

/** What server-side apply needs to know of them. */
export const applySettingsOf = ({ kustomize }: FluxSettings): ApplySettings => ({
  customStageKinds: new Set(kustomize.customApplyStageKinds),
  overrideManagers: kustomize.overrideManagers,
  overrideManagersBeforeDryRun: kustomize.overrideManagersBeforeDryRun,
  migrateApiVersion: kustomize.gates.MigrateAPIVersion,
});
