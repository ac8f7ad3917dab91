/** `fleet.json`: the clusters that one engine serves. Validated at synth, read by the functions. */

import type { DriftMode } from "../drift/mode.ts";

export interface FleetSync {
  readonly url: string;
  readonly branch?: string;
  readonly path: string;
  /** Name of a Secret in `flux-system`. */
  readonly secretRef?: string;
}

export interface FleetCluster {
  readonly name: string;
  readonly arn: string;
  readonly sync?: FleetSync;
  /** What is done about drift, where a Kustomization does not say otherwise. */
  readonly drift?: DriftMode;
  readonly compatibility?: "2.8" | "2.9" | "2.10";
  readonly lockdown?: boolean;
  /** Writes go on although Flux's controllers or another engine were seen, once they are at zero. */
  readonly takeOver?: boolean;
  /** Names of the clusters whose Kustomizations may apply to this one through `kubeConfig.configMapRef`; none by default. */
  readonly hubs?: readonly string[];
  /**
   * Subscribes to the cluster's audit log in CloudWatch Logs: changes by hand are looked at at once, and their authors named.
   * The cluster must live in the control plane's account and region, and write the log type `audit`.
   */
  readonly auditLogs?: boolean;
  /** ARNs of the KMS keys that the cluster's decryption role may use for SOPS; none by default. */
  readonly decryptionKeys?: readonly string[];
}

export interface Fleet {
  readonly engine: string;
  /** Account of the control plane; by default that of the clusters, needed where they live in several. */
  readonly account?: string;
  readonly clusters: readonly FleetCluster[];
}
