/** The settings of kustomize-controller and source-controller, flag by flag, each as strict as its strictest shard. */
import { fluxNamespace } from "../bootstrap/names.ts";
import { parseLabelSelector } from "../ssa/label-selector.ts";
import { parseGroupKinds } from "./apply-settings.ts";
import {
  type Compatibility,
  type KustomizeGate,
  kustomizeGateNames,
  type KustomizeGates,
  kustomizeGates,
  retiredGates,
} from "./compatibility.ts";
import { array, bool, type FlagType, list, percentage, seconds, text, toggles } from "./parse-flags.ts";
import {
  type Among,
  type Findings,
  type Shards,
  strictestIsFalse,
  strictestIsListed,
  strictestIsSet,
  strictestIsTrue,
  strictestIsUnset,
} from "./shards.ts";
import { everything, type WatchScope } from "./watch-scope.ts";

/** Names are empty where no flag gives one. */
export interface KustomizeSettings {
  readonly noCrossNamespaceRefs: boolean;
  readonly noRemoteBases: boolean;
  readonly defaultServiceAccount: string;
  readonly defaultDecryptionServiceAccount: string;
  readonly defaultKubeConfigServiceAccount: string;
  readonly insecureKubeconfigExec: boolean;
  readonly insecureKubeconfigTls: boolean;
  readonly requeueDependencySeconds: number;
  readonly intervalJitterPercentage: number;
  /** `group/Kind`, `/Kind` in the core group. */
  readonly customApplyStageKinds: readonly string[];
  readonly overrideManagers: readonly string[];
  readonly overrideManagersBeforeDryRun: readonly string[];
  /** Of ConfigMaps and Secrets whose change is a cause for a run; empty selects all. */
  readonly watchConfigsLabelSelector: string;
  /** Secret in `flux-system`. */
  readonly sopsAgeSecret: string;
  /** ConfigMap in `flux-system`: the Vaults that are trusted. */
  readonly sopsVaultConfigMap: string;
  readonly watched: readonly WatchScope[];
  readonly gates: KustomizeGates;
}

/** Selects the ConfigMaps and Secrets whose change is a cause for a run; undefined: none. */
export const watchedConfigs = ({ gates, watchConfigsLabelSelector }: KustomizeSettings): string | undefined =>
  gates.DisableConfigWatchers ? undefined : watchConfigsLabelSelector;

export interface SourceSettings {
  /** Stands for an object that names none, with cloud providers. */
  readonly defaultServiceAccount: string;
  /** False refuses sources over plain HTTP. */
  readonly insecureAllowHttp: boolean;
  readonly intervalJitterPercentage: number;
  /** Most preferred first; empty leaves it to the client. */
  readonly sshKexAlgos: readonly string[];
  readonly sshHostKeyAlgos: readonly string[];
  readonly watchConfigsLabelSelector: string;
  readonly watched: readonly WatchScope[];
}

export function readKustomizeSettings(
  shards: Shards,
  compatibility: Compatibility,
  findings: Findings,
): KustomizeSettings {
  const { one } = shards;
  return {
    noCrossNamespaceRefs: one("no-cross-namespace-refs", bool(false), strictestIsTrue),
    noRemoteBases: one("no-remote-bases", bool(false), strictestIsTrue),
    defaultServiceAccount: one("default-service-account", text(), strictestIsSet),
    defaultDecryptionServiceAccount: one("default-decryption-service-account", text(), strictestIsSet),
    defaultKubeConfigServiceAccount: one("default-kubeconfig-service-account", text(), strictestIsSet),
    insecureKubeconfigExec: one("insecure-kubeconfig-exec", bool(false), strictestIsFalse),
    insecureKubeconfigTls: one("insecure-kubeconfig-tls", bool(false), strictestIsFalse),
    requeueDependencySeconds: one("requeue-dependency", seconds(30)),
    intervalJitterPercentage: one("interval-jitter-percentage", percentage(5)),
    customApplyStageKinds: [...parseGroupKinds(one("custom-apply-stage-kinds", text()))],
    overrideManagers: one("override-manager", array),
    overrideManagersBeforeDryRun: one("override-manager-before-dry-run", array),
    sopsAgeSecret: one("sops-age-secret", text(), strictestIsUnset),
    sopsVaultConfigMap: one("sops-vault-configmap", text(), strictestIsUnset),
    ...readWatches(shards),
    gates: readGates(shards, compatibility, findings),
  };
}

export function readSourceSettings(shards: Shards): SourceSettings {
  const { one } = shards;
  return {
    defaultServiceAccount: one("default-service-account", text(), strictestIsSet),
    insecureAllowHttp: one("insecure-allow-http", bool(true), strictestIsFalse),
    intervalJitterPercentage: one("interval-jitter-percentage", percentage(5)),
    sshKexAlgos: one("ssh-kex-algos", list, strictestIsListed),
    sshHostKeyAlgos: one("ssh-hostkey-algos", list, strictestIsListed),
    ...readWatches(shards),
  };
}

/** The shards together watch what any of them does. */
function readWatches({ each, one }: Shards) {
  const namespaces = each("watch-all-namespaces", bool(true));
  const selectors = each("watch-label-selector", selector(""));
  const watched = selectors.map((labelSelector, index): WatchScope => {
    const namespace = namespaces[index] === false ? fluxNamespace : "";
    return { namespace, labelSelector };
  });
  const isAll = ({ namespace, labelSelector }: WatchScope) => namespace === "" && labelSelector === "";
  return {
    watched: watched.length === 0 || watched.some(isAll) ? [everything] : watched,
    watchConfigsLabelSelector: one("watch-configs-label-selector", selector("reconcile.fluxcd.io/watch=Enabled")),
  };
}

const selector = (absent: string): FlagType<string> => ({
  absent,
  parse: (values) => {
    const found = text(absent).parse(values);
    try {
      parseLabelSelector(found);
    } catch (cause) {
      throw new TypeError(cause instanceof Error ? cause.message : "no label selector", { cause });
    }
    return found;
  },
});

/** The gates that make a run stricter, or that open something; the rest are ways of doing. */
const strictestGates: Partial<Readonly<Record<KustomizeGate, Among<boolean>>>> = {
  AdditiveCELDependencyCheck: strictestIsTrue,
  ExternalArtifact: strictestIsFalse,
  StrictPostBuildSubstitutions: strictestIsTrue,
};

function readGates({ each }: Shards, compatibility: Compatibility, { warnings }: Findings): KustomizeGates {
  const defaults = kustomizeGates[compatibility];
  const shards = each("feature-gates", toggles);
  const gates: Record<KustomizeGate, boolean> = { ...defaults };
  for (const gate of kustomizeGateNames) {
    const [first, ...others] = shards.map((given) => given.get(gate) ?? defaults[gate]);
    if (first === undefined || retiredGates[compatibility].includes(gate)) continue;
    const strictest = strictestGates[gate]?.([first, ...others]);
    gates[gate] = strictest ?? first;
    if (strictest === undefined && others.some((other) => other !== first)) {
      warnings.push(
        `kustomize-controller: its Deployments differ in feature gate ${gate}: the first one counts for all shards`,
      );
    }
  }
  return gates;
}
