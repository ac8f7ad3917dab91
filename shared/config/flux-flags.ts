/** Every flag and feature gate of Flux's controllers, of 2.8 to 2.10: which are settings here, and why the rest is not. */
import type { FluxController } from "../bootstrap/flux-controller.ts";

/** Flags of a controller that become settings: see `flux-settings.ts`. */
export const settingFlags = {
  "kustomize-controller": [
    "custom-apply-stage-kinds",
    "default-decryption-service-account",
    "default-kubeconfig-service-account",
    "default-service-account",
    "feature-gates",
    "insecure-kubeconfig-exec",
    "insecure-kubeconfig-tls",
    "interval-jitter-percentage",
    "no-cross-namespace-refs",
    "no-remote-bases",
    "override-manager",
    "override-manager-before-dry-run",
    "requeue-dependency",
    "sops-age-secret",
    "sops-vault-configmap",
    "watch-all-namespaces",
    "watch-configs-label-selector",
    "watch-label-selector",
  ],
  "source-controller": [
    "default-service-account",
    "feature-gates",
    "insecure-allow-http",
    "interval-jitter-percentage",
    "ssh-hostkey-algos",
    "ssh-kex-algos",
    "watch-all-namespaces",
    "watch-configs-label-selector",
    "watch-label-selector",
  ],
} as const satisfies Partial<Record<FluxController, readonly string[]>>;

export type SettingFlag = (typeof settingFlags)[keyof typeof settingFlags][number];

/** Flags without a meaning for this engine, whichever controller has them, by the reason why. */
const irrelevantFlags: readonly { readonly why: string; readonly flags: readonly string[] }[] = [
  {
    why: "no process of Flux's listens or is probed",
    flags: ["metrics-addr", "health-addr", "receiverAddr", "export-http-path-metrics", "storage-addr"],
  },
  {
    why: "events go through the engine's own queue",
    flags: ["events-addr", "rate-limit-interval"],
  },
  { why: "the engine's functions write logs of their own", flags: ["log-level", "log-encoding"] },
  {
    why: "a lease per object takes the place of one elected process",
    flags: [
      "enable-leader-election",
      "leader-election-lease-duration",
      "leader-election-release-on-cancel",
      "leader-election-renew-deadline",
      "leader-election-retry-period",
    ],
  },
  {
    why: "the queue and the functions' concurrency set the pace",
    flags: [
      "concurrent",
      "concurrent-ssa",
      "graceful-shutdown-timeout",
      "http-retry",
      "http-timeout",
      "kube-api-burst",
      "kube-api-qps",
      "max-retry-delay",
      "min-retry-delay",
      "reconciliation-timeout",
    ],
  },
  { why: "tokens live no longer than one run", flags: ["token-cache-max-size", "token-cache-max-duration"] },
  {
    why: "artifacts are in the engine's bucket, by sha256, and kept as long as they are referred to",
    flags: [
      "artifact-digest-algo",
      "artifact-retention-records",
      "artifact-retention-ttl",
      "gc-interval",
      "storage-adv-addr",
      "storage-compression-threshold",
      "storage-path",
      "storage-value-log-file-size",
    ],
  },
  {
    why: "a function's memory is the platform's to watch",
    flags: [
      "oom-watch-current-memory-path",
      "oom-watch-interval",
      "oom-watch-max-memory-path",
      "oom-watch-memory-threshold",
    ],
  },
  {
    why: "it is about Helm's indexes, charts and snapshots only",
    flags: [
      "helm-cache-max-size",
      "helm-cache-purge-interval",
      "helm-cache-ttl",
      "helm-chart-file-max-size",
      "helm-chart-max-size",
      "helm-index-max-size",
      "snapshot-digest-algo",
    ],
  },
  {
    why: "the engine's functions authenticate to each other by AWS's own means, and to nobody by SPIFFE",
    flags: [
      "authorized-artifact-client-spiffe-id",
      "authorized-artifact-server-spiffe-id",
      "authorized-event-client-spiffe-id",
      "authorized-event-server-spiffe-id",
      "authorized-kube-apiserver-spiffe-id",
      "authorized-notifier-spiffe-id",
      "authorized-receiver-spiffe-id",
      "spiffe-broker-endpoint",
      "spiffe-broker-id",
    ],
  },
];

/** Flags of one controller that mean nothing here, although the same flag of another controller does. */
const irrelevantTo: Partial<Readonly<Record<FluxController, { why: string; flags: readonly string[] }>>> = {
  "source-controller": {
    why: "a source refers to objects of its own namespace only, and the engine retries it by its interval",
    flags: ["no-cross-namespace-refs", "requeue-dependency"],
  },
};

/** Of controllers whose kinds the engine does not reconcile: what such a flag forbids, nobody does. */
const unreadFlags: readonly string[] = [
  "default-kubeconfig-service-account",
  "default-service-account",
  "feature-gates",
  "insecure-allow-http",
  "insecure-kubeconfig-exec",
  "insecure-kubeconfig-tls",
  "interval-jitter-percentage",
  "no-cross-namespace-refs",
  "override-manager",
  "requeue-dependency",
  "ssh-hostkey-algos",
  "ssh-kex-algos",
  "watch-all-namespaces",
  "watch-configs-label-selector",
  "watch-label-selector",
];

/** Flags that take no value of their own. */
const booleanFlags: ReadonlySet<string> = new Set([
  "enable-leader-election",
  "export-http-path-metrics",
  "insecure-allow-http",
  "insecure-kubeconfig-exec",
  "insecure-kubeconfig-tls",
  "leader-election-release-on-cancel",
  "no-cross-namespace-refs",
  "no-remote-bases",
  "watch-all-namespaces",
]);

export type FlagMeaning = { readonly kind: "setting" } | { readonly kind: "irrelevant"; readonly why: string };

const setting: FlagMeaning = { kind: "setting" };
const unread: FlagMeaning = { kind: "irrelevant", why: "the engine does not reconcile this controller's kinds" };

/** Undefined for a flag that no version up to 2.10 has. */
export function meaningOf(controller: FluxController, flag: string): FlagMeaning | undefined {
  const own: readonly string[] | undefined = isRead(controller) ? settingFlags[controller] : undefined;
  if (own?.includes(flag)) return setting;
  if (!own && unreadFlags.includes(flag)) return unread;
  const here = irrelevantTo[controller];
  const group = [...(here ? [here] : []), ...irrelevantFlags].find(({ flags }) => flags.includes(flag));
  return group && { kind: "irrelevant", why: group.why };
}

const isRead = (controller: FluxController): controller is keyof typeof settingFlags => controller in settingFlags;

/** Whether pflag would take the next word for the value of a flag that was given without one. */
export const takesNext = (controller: FluxController) => (flag: string) =>
  meaningOf(controller, flag) !== undefined && !booleanFlags.has(flag);

/** A flag that nobody knows yet and that, by its name, may forbid something: it must not be passed over. */
export const looksLikeLockdown = (flag: string): boolean =>
  /no-|default-|insecure-|disallow|deny|restrict|allow|forbid|enforce|require|strict|authorized|trusted/i.test(flag);

const everywhere = ["CacheSecretsAndConfigMaps", "ObjectLevelWorkloadIdentity"];
const appliers = [
  ...everywhere,
  "AdditiveCELDependencyCheck",
  "CancelHealthCheckOnNewRevision",
  "DirectSourceFetch",
  "DisableConfigWatchers",
  "ExternalArtifact",
];

/** Feature gates that Flux 2.8 to 2.10 knows, by controller. */
export const knownGates: Readonly<Record<FluxController, readonly string[]>> = {
  "source-controller": everywhere,
  "kustomize-controller": [
    ...appliers,
    "DisableCommitStatusEvent",
    "DisableFailFastBehavior",
    "DisableStatusPollerCache",
    "GroupChangeLog",
    "MigrateAPIVersion",
    "StrictPostBuildSubstitutions",
  ],
  "helm-controller": [
    ...appliers,
    "AdoptLegacyReleases",
    "AllowDNSLookups",
    "CorrectDrift",
    "DefaultToRetryOnFailure",
    "DetectDrift",
    "DisableChartDigestTracking",
    "OOMWatch",
    "UseHelm3Defaults",
  ],
  "notification-controller": [...everywhere, "DisableConfigWatchers"],
  "image-reflector-controller": [...everywhere, "FluxStorage"],
  "image-automation-controller": [
    ...everywhere,
    "GitAllBranchReferences",
    "GitForcePushBranch",
    "GitShallowClone",
    "GitSparseCheckout",
  ],
  "source-watcher": [...everywhere, "DirectSourceFetch"],
};
