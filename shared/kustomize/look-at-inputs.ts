/**
 * The look that comes with the interval, when nobody asked for anything: did what no sweep can see change? One request for
 * the metadata of each referenced object, one to each remote base; while all is as it was, nothing is built or applied.
 */
import { overlayOf } from "../render/protocol.ts";
import { isUnavailable, KubeError } from "../kubernetes/cluster.ts";
import type { Item } from "../lease/ports.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { digestInputs } from "./digest-inputs.ts";
import type { StoredArtifact } from "./ports.ts";
import type { Run } from "./run.ts";

/**
 * Only time brought the run about: everything that asks for one counts `reqSeq` up. One that died before goes the whole
 * way.
 */
export const isOnlyDue = ({ reqSeq, doneSeq, attempts }: Item): boolean =>
  typeof reqSeq === "number" && reqSeq === doneSeq && attempts === 1;

/** Jobs with a TTL, spokes, and what an earlier run left open take a whole run. */
export function canJustLook({ kustomization: { spec }, vanishing, held, superseded, drifting }: Run): boolean {
  const differs = Object.keys(drifting.objects).length > 0;
  const isOpen = vanishing.size > 0 || held.size > 0 || superseded.length > 0 || differs;
  return !isOpen && spec.kubeConfig === undefined && spec.decryption === undefined;
}

/** @param applied closure that was applied last; false also where it cannot be told: the run says why */
export async function areInputsUnchanged(run: Run, artifact: StoredArtifact, applied = ""): Promise<boolean> {
  const { kustomization, ports } = run;
  const { path = "" } = kustomization.spec;
  const [knownClosure, knownInputs = ""] = applied.split("+");
  if (!knownClosure || (await lookAtReferences(run)) !== knownInputs) return false;
  try {
    const build = await ports.renderer.build({
      artifact,
      path,
      overlay: overlayOf(kustomization.spec),
      knownClosure,
      noRemoteBases: ports.settings.kustomize.noRemoteBases,
    });
    return build.kind === "unchanged";
  } catch (error) {
    if (error instanceof ReconcileError) return false;
    throw error;
  }
}

/** Undefined where one cannot be read. */
async function lookAtReferences({ kustomization, own }: Run): Promise<string | undefined> {
  const { spec, metadata } = kustomization;
  const looks = (spec.postBuild?.substituteFrom ?? []).map(async ({ kind, name }) => {
    const options = { namespace: metadata.namespace, fieldSelector: `metadata.name=${name}`, metadataOnly: true };
    return (await own.list("v1", kind, options)).items[0];
  });
  try {
    return digestInputs(spec.postBuild, await Promise.all(looks));
  } catch (error) {
    if (error instanceof KubeError && !isUnavailable(error)) return undefined;
    throw error;
  }
}
