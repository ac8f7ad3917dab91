/** The stages of an apply (fluxcd/pkg ssa): each is checked as a whole before any of it is written. */
import { groupOf, type ObjectRef } from "../api/kube-object.ts";

const foundations = new Set([
  "apiextensions.k8s.io/CustomResourceDefinition",
  "/Namespace",
  "rbac.authorization.k8s.io/ClusterRole",
]);

export const stageCount = 4;

/**
 * 0: definitions, namespaces and cluster roles; 1: classes; 2: custom kinds; 3: all else.
 * @param customKinds `group/Kind` of each, as in the controller's flag `--custom-apply-stage-kinds`
 */
export function stageOf({ apiVersion, kind }: ObjectRef, customKinds: ReadonlySet<string> = new Set()): number {
  const name = `${groupOf(apiVersion)}/${kind}`;
  if (foundations.has(name)) return 0;
  if (kind.endsWith("Class")) return 1;
  return customKinds.has(name) ? 2 : 3;
}
