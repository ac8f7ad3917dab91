/** The part of a Kustomization's spec that is merged into the root kustomization.yaml before the build. */
import type { KustomizationSpec } from "../api/kustomization.ts";
import type { KustomizationOverlay } from "../render/protocol.ts";

/** Fields that are not set are left out, so that the same spec always gives the same JSON. */
export function overlayOf(spec: KustomizationSpec): KustomizationOverlay {
  const { targetNamespace, namePrefix, nameSuffix, patches, components, ignoreMissingComponents, images } = spec;
  const { buildMetadata } = spec;
  const overlay: KustomizationOverlay = {
    targetNamespace,
    namePrefix,
    nameSuffix,
    patches,
    components,
    ignoreMissingComponents,
    images,
    buildMetadata,
  };
  return Object.fromEntries(Object.entries(overlay).filter(([, value]) => value !== undefined));
}
