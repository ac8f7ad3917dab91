/** The settings of a cluster as text, for its row in the table. What another version wrote counts as nothing stored. */
import { isRecord } from "../api/schema.ts";
import { compatibilities, kustomizeGates } from "./compatibility.ts";
import type { FluxSettings } from "./flux-settings.ts";

/** Another one for every change of the shape. */
const version = 1;

export const encodeFluxSettings = (settings: FluxSettings): string => JSON.stringify({ v: version, settings });

/** Undefined for all that this version did not write: then nothing may be reconciled before the flags are read again. */
export function decodeFluxSettings(stored: unknown): FluxSettings | undefined {
  const found = parseJson(stored);
  if (!isRecord(found) || found.v !== version) return undefined;
  return isFluxSettings(found.settings) ? found.settings : undefined;
}

function parseJson(stored: unknown): unknown {
  if (typeof stored !== "string") return undefined;
  try {
    return JSON.parse(stored);
  } catch {
    return undefined;
  }
}

const scope = { namespace: "", labelSelector: "" };
/** One of everything: a value is well-formed when it has these fields, and no others, with values of these types. */
const example: FluxSettings = {
  compatibility: "2.10",
  kustomize: {
    noCrossNamespaceRefs: false,
    noRemoteBases: false,
    defaultServiceAccount: "",
    defaultDecryptionServiceAccount: "",
    defaultKubeConfigServiceAccount: "",
    insecureKubeconfigExec: false,
    insecureKubeconfigTls: false,
    requeueDependencySeconds: 0,
    intervalJitterPercentage: 0,
    customApplyStageKinds: [""],
    overrideManagers: [""],
    overrideManagersBeforeDryRun: [""],
    watchConfigsLabelSelector: "",
    sopsAgeSecret: "",
    sopsVaultConfigMap: "",
    watched: [scope],
    gates: kustomizeGates["2.10"],
  },
  source: {
    defaultServiceAccount: "",
    insecureAllowHttp: true,
    intervalJitterPercentage: 0,
    sshKexAlgos: [""],
    sshHostKeyAlgos: [""],
    watchConfigsLabelSelector: "",
    watched: [scope],
  },
  refused: [""],
  warnings: [""],
};

function isFluxSettings(value: unknown): value is FluxSettings {
  return isLike(value, example) && compatibilities.some((level) => level === (value as FluxSettings).compatibility);
}

function isLike(value: unknown, like: unknown): boolean {
  if (Array.isArray(like)) return Array.isArray(value) && value.every((entry) => isLike(entry, like[0]));
  if (!isRecord(like)) return typeof value === typeof like;
  if (!isRecord(value) || Object.keys(value).length !== Object.keys(like).length) return false;
  return Object.entries(like).every(([field, part]) => Object.hasOwn(value, field) && isLike(value[field], part));
}
