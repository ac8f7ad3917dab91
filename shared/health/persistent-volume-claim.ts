/** PersistentVolumeClaim: Current once bound. */
import type { KubeObject } from "../api/kube-object.ts";
import { stringAt } from "./fields.ts";
import { current, inProgress, type Health } from "./result.ts";

export function assessPersistentVolumeClaim(object: KubeObject): Health {
  const phase = stringAt(object, ["status", "phase"], "unknown");
  return phase === "Bound" ? current("PVC is Bound") : inProgress("NotBound", `PVC is not Bound. phase: ${phase}`);
}
