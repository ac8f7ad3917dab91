/**
 * Opens what `spec.kubeConfig` names, a Secret or a ConfigMap beside the Kustomization. Words are Flux's where Flux refuses
 * the same; a failure is retried, for what is wrong can be put right without a change of the spec.
 */
import type { KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import type { FluxSettings } from "../config/flux-settings.ts";
import { type Cluster, isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import { foreignCluster } from "../kubernetes/foreign-cluster.ts";
import { KubeconfigError } from "../kubernetes/self-contained-kubeconfig.ts";
import type { Spoke, Spokes } from "../kubernetes/spokes.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";

export type KubeConfig = NonNullable<Kustomization["spec"]["kubeConfig"]>;

export interface KubeConfigPorts {
  /** The Kustomization's own cluster, as one who may read Secrets. */
  readonly hub: Cluster;
  readonly spokes: Spokes;
  readonly settings: FluxSettings;
}

/** @throws UnopenedError; KubeError when the hub cannot be asked */
export async function openKubeConfig(
  { secretRef, configMapRef }: KubeConfig,
  namespace: string,
  ports: KubeConfigPorts,
): Promise<Spoke> {
  if (secretRef) return await openSecret(secretRef, namespace, ports);
  if (configMapRef) return await openConfigMap(configMapRef.name, namespace, ports);
  throw failure("invalid .spec.kubeConfig, neither .spec.kubeConfig.provider nor .spec.kubeConfig.secretRef is set");
}

async function openSecret(
  { name, key }: NonNullable<KubeConfig["secretRef"]>,
  namespace: string,
  { hub, spokes }: KubeConfigPorts,
): Promise<Spoke> {
  const at = `${namespace}/${name}`;
  const secret = await read(hub, "Secret", namespace, name, `unable to read KubeConfig secret '${at}' error`);
  const data = (secret.data ?? {}) as Readonly<Record<string, string>>;
  const encoded = key ? data[key] : (data.value ?? data["value.yaml"]);
  if (encoded === undefined)
    throw failure(`KubeConfig secret '${at}' does not contain a '${key || "value"}' key with a kubeconfig`);
  try {
    const spoke = spokes.ofKubeconfig(Buffer.from(encoded, "base64").toString("utf8"));
    return named(spoke, `the cluster of KubeConfig secret '${at}'`);
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    throw failure(`invalid KubeConfig in secret '${at}': ${error.message}`);
  }
}

/** Keys that Flux heeds and this engine must not: the token of its role is for EKS' own address alone. */
const refusedKeys = ["address", "ca.crt", "serviceAccountName"] as const;

async function openConfigMap(
  name: string,
  namespace: string,
  { hub, spokes, settings }: KubeConfigPorts,
): Promise<Spoke> {
  const at = `${namespace}/${name}`;
  const configMap = await read(hub, "ConfigMap", namespace, name, `failed to get configmap ${at}`);
  const data = (configMap.data ?? {}) as Readonly<Record<string, string>>;
  const { provider = "", cluster = "" } = data;
  if (["azure", "gcp", "generic"].includes(provider))
    throw failure(
      `provider '${provider}' of ConfigMap '${at}' is not supported: 'aws' is, or a kubeconfig in a Secret`,
    );
  if (provider !== "aws") throw failure(`provider '${provider}' not implemented`);
  const refused = refusedKeys.find((key) => data[key]);
  if (refused !== undefined)
    throw failure(
      `ConfigMap '${at}' has the key '${refused}', which is not supported: the cluster is entered with the engine's own role, at the address that EKS tells; remove the key`,
    );
  if (settings.kustomize.defaultKubeConfigServiceAccount !== "")
    throw failure(
      `ConfigMap '${at}' is not used: --default-kubeconfig-service-account asks for the identity of a ServiceAccount, which is not supported; use a kubeconfig in a Secret`,
    );
  try {
    return named(await spokes.ofArn(cluster), `cluster '${cluster}'`);
  } catch (error) {
    if (!(error instanceof KubeconfigError) && !(error instanceof KubeError)) throw error;
    throw failure(error.message, error);
  }
}

const named = (spoke: Spoke, name: string): Spoke => ({ ...spoke, cluster: foreignCluster(spoke.cluster, name) });

async function read(hub: Cluster, kind: string, namespace: string, name: string, words: string): Promise<KubeObject> {
  try {
    const object = await hub.get({ apiVersion: "v1", kind, namespace, name });
    if (object) return object;
  } catch (error) {
    if (!(error instanceof KubeError) || isUnavailable(error)) throw error;
    throw failure(`${words}: ${error.message}`, error);
  }
  throw failure(`${words}: ${kind.toLowerCase()}s "${name}" not found`);
}

const failure = (message: string, cause?: Error): UnopenedError => new UnopenedError(message, cause);

/** The `kubeConfig` leads nowhere; Flux's event says so in front of what its condition says. */
export class UnopenedError extends ReconcileError {
  constructor(message: string, cause: Error | undefined) {
    super("retry", "ReconciliationFailed", message, cause ? { cause } : {});
  }
}
