/** The stages of an apply (fluxcd/pkg ssa): each is checked as a whole before any of it is written. */
import type { ObjectRef } from "../api/kube-object.ts";

const foundations = new Set(["CustomResourceDefinition", "Namespace", "ClusterRole"]);

export const stageCount = 3;

/** 0: definitions, namespaces and cluster roles; 1: classes; 2: all else. */
export function stageOf({ kind }: ObjectRef): number {
  if (foundations.has(kind)) return 0;
  return kind.endsWith("Class") ? 1 : 2;
}
