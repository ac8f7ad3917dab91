/** Service: always Current, except a LoadBalancer without a cluster IP. An ingress address is not waited for. */
import type { KubeObject } from "../api/kube-object.ts";
import { stringAt } from "./fields.ts";
import { current, inProgress, type Health } from "./result.ts";

export function assessService(object: KubeObject): Health {
  const type = stringAt(object, ["spec", "type"], "ClusterIP");
  if (type === "LoadBalancer" && stringAt(object, ["spec", "clusterIP"], "") === "") {
    return inProgress("NoIPAssigned", "ClusterIP not set. Service type: LoadBalancer");
  }
  return current("Service is ready");
}
