/** The minor of Flux whose defaults a cluster keeps, and which defaults changed between the minors. */

/** Oldest first; the last is what we mean by "Flux". */
export const compatibilities = ["2.8", "2.9", "2.10"] as const;
export type Compatibility = (typeof compatibilities)[number];
export const defaultCompatibility: Compatibility = "2.10";

export interface StatedCompatibility {
  readonly compatibility: Compatibility;
  /** Why the level is not the version that was stated. */
  readonly warning?: string;
}

/** The level of a version as `app.kubernetes.io/version` states it: `v2.9.3`; the nearest where there is none. */
export function compatibilityOf(version: string): StatedCompatibility {
  const [, major = "", minor = ""] = /^v?(\d+)\.(\d+)(?:[.+-].*)?$/.exec(version) ?? [];
  const stated = `${major}.${minor}`;
  const known = compatibilities.find((level) => level === stated);
  if (known) return { compatibility: known };
  const isOlder = major !== "" && (Number(major) < 2 || (Number(major) === 2 && Number(minor) < 8));
  const compatibility = isOlder ? compatibilities[0] : defaultCompatibility;
  const warning = `the manifests state version "${version}" of Flux: the defaults of Flux ${compatibility} apply; set "compatibility" of the cluster in the fleet file to choose others`;
  return { compatibility, warning };
}

/** Feature gates of kustomize-controller, by Flux's names. */
export const kustomizeGateNames = [
  /** `readyExpr` of a dependency is asked in addition to its readiness, not in its place. */
  "AdditiveCELDependencyCheck",
  "CacheSecretsAndConfigMaps",
  /** A new revision ends the wait for the health of the old one. */
  "CancelHealthCheckOnNewRevision",
  "DirectSourceFetch",
  /** No event for a run that succeeded and changed nothing. */
  "DisableCommitStatusEvent",
  /** A change of a ConfigMap or Secret that is referred to is no cause for a run. */
  "DisableConfigWatchers",
  /** A failed object does not end the wait for health before its timeout. */
  "DisableFailFastBehavior",
  "DisableStatusPollerCache",
  /** An ExternalArtifact may be a source. */
  "ExternalArtifact",
  /** The event of a change lists objects by what was done to them. */
  "GroupChangeLog",
  /** Field ownership noted in another API version is noted in the one that is applied. */
  "MigrateAPIVersion",
  /** The service account that an object names stands for it with cloud providers. */
  "ObjectLevelWorkloadIdentity",
  /** A variable without a value is an error. */
  "StrictPostBuildSubstitutions",
] as const;
export type KustomizeGate = (typeof kustomizeGateNames)[number];
export type KustomizeGates = Readonly<Record<KustomizeGate, boolean>>;

const gatesOf28: KustomizeGates = {
  AdditiveCELDependencyCheck: false,
  CacheSecretsAndConfigMaps: false,
  CancelHealthCheckOnNewRevision: false,
  DirectSourceFetch: false,
  DisableCommitStatusEvent: false,
  DisableConfigWatchers: false,
  DisableFailFastBehavior: false,
  DisableStatusPollerCache: true,
  ExternalArtifact: false,
  GroupChangeLog: false,
  MigrateAPIVersion: false,
  ObjectLevelWorkloadIdentity: false,
  StrictPostBuildSubstitutions: false,
};
const gatesOf29: KustomizeGates = { ...gatesOf28, StrictPostBuildSubstitutions: true };
const gatesOf210: KustomizeGates = { ...gatesOf29, ObjectLevelWorkloadIdentity: true };

/** What each gate is where no flag sets it. */
export const kustomizeGates: Readonly<Record<Compatibility, KustomizeGates>> = {
  "2.8": gatesOf28,
  "2.9": gatesOf29,
  "2.10": gatesOf210,
};

/** Gates that are accepted and no longer change anything: they stay at their default. */
export const retiredGates: Readonly<Record<Compatibility, readonly string[]>> = {
  "2.8": [],
  "2.9": [],
  "2.10": ["ObjectLevelWorkloadIdentity"],
};
