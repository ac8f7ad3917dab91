/** CustomResourceDefinition: Current once established, Failed when its names are taken. */
import type { KubeObject } from "../api/kube-object.ts";
import { conditionsOf } from "./fields.ts";
import { current, failed, inProgress, type Health } from "./result.ts";

export function assessCustomResourceDefinition(object: KubeObject): Health {
  for (const { type, status, reason, message } of conditionsOf(object)) {
    if (type === "NamesAccepted" && status === "False") return failed(reason, message);
    if (type !== "Established") continue;
    if (status === "False" && reason !== "Installing") return failed(reason, message);
    if (status === "True") return current("CRD is established");
  }
  return inProgress("Installing", "Install in progress");
}
