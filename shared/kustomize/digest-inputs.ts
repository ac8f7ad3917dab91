/** What a substitution depends on, as a digest: values of Secrets and ConfigMaps are told by uid and version. */
import { createHash } from "node:crypto";

import type { KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";

/**
 * Empty without `spec.postBuild`.
 *
 * @param objects what each of `substituteFrom` refers to, in its order; metadata is enough
 */
export function digestInputs(
  postBuild: Kustomization["spec"]["postBuild"],
  objects: readonly (Pick<KubeObject, "metadata"> | undefined)[],
): string {
  if (!postBuild) return "";
  const { substituteFrom = [], substitute, substituteStrategy } = postBuild;
  const versions = substituteFrom.map(({ kind, name }, at) => {
    const { uid, resourceVersion } = objects[at]?.metadata ?? {};
    return [kind, name, uid, resourceVersion];
  });
  const inputs = JSON.stringify([substitute, substituteStrategy, versions]);
  return createHash("sha256").update(inputs).digest("hex").slice(0, 32);
}
