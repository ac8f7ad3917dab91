/** How server-side apply is done on a cluster: the flags and gates of kustomize-controller that change it. */

export interface ApplySettings {
  /** `group/Kind` (`/Kind` in the core group) of what is applied after classes and before all else; `--custom-apply-stage-kinds`. */
  readonly customStageKinds: ReadonlySet<string>;
  /** Prefixes of field managers whose fields, applied or updated, become ours with each apply; `--override-manager`. */
  readonly overrideManagers: readonly string[];
  /**
   * Whole names of field managers whose fields become ours before the dry-run, which would fail because of them;
   * `--override-manager-before-dry-run`. Not undone when the dry-run fails all the same.
   */
  readonly overrideManagersBeforeDryRun: readonly string[];
  /** Field ownership noted in another API version is noted in the one that is applied; the gate MigrateAPIVersion. */
  readonly migrateApiVersion: boolean;
}

/** As kustomize-controller runs without any flag. */
export const defaultApplySettings: ApplySettings = {
  customStageKinds: new Set(),
  overrideManagers: [],
  overrideManagersBeforeDryRun: [],
  migrateApiVersion: false,
};

/** The value of `--custom-apply-stage-kinds`: `group/Kind,group/Kind`, a kind alone being one of the core group. */
export function parseGroupKinds(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  return new Set(names.filter(Boolean).map((name) => (name.includes("/") ? name : `/${name}`)));
}
