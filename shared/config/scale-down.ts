/** What a repository that was bootstrapped by Flux says of Flux itself is applied, but its controllers stay at zero. */
import { groupOf, type KubeObject } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import { findFluxDeployment } from "../bootstrap/flux-controller.ts";

/**
 * The object as it is planned: a Deployment of one of Flux's controllers, or of the flux-operator, in whatever
 * namespace, with no replicas, for the interlock would freeze the cluster as soon as one ran; all else as given.
 */
export function withControllersAtZero(object: KubeObject): KubeObject {
  if (object.kind !== "Deployment" || groupOf(object.apiVersion) !== "apps") return object;
  if (!findFluxDeployment(object)) return object;
  const spec = isRecord(object.spec) ? object.spec : {};
  return spec.replicas === 0 ? object : { ...object, spec: { ...spec, replicas: 0 } };
}
