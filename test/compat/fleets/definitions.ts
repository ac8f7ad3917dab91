/** Definitions that a fleet's objects need: Flux's own, and stubs of all others that take any content. */
import type { KubeObject } from "../../../shared/api/kube-object.ts";

export interface KindInUse {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Groups of Kubernetes itself that look like those of a definition. */
const builtInGroups = new Set(
  [
    ...["admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization", "certificates"],
    ...["coordination", "discovery", "events", "flowcontrol.apiserver", "internal.apiserver", "networking", "node"],
    ...["rbac.authorization", "resource", "scheduling", "storage", "storagemigration"],
  ].map((name) => `${name}.k8s.io`),
);

export const isCustomGroup = (group: string): boolean => group.includes(".") && !builtInGroups.has(group);

/** What health checks of the fleets wait for and charts bring. */
const irregularPlurals: Readonly<Record<string, string>> = {
  NetworkAttachmentDefinition: "network-attachment-definitions",
};

/** Kinds without a namespace, as their projects define them. */
const clusterKinds = new Set([
  "CiliumLoadBalancerIPPool",
  "CiliumClusterwideNetworkPolicy",
  "CiliumL2AnnouncementPolicy",
  "GatewayClass",
  "KubernetesUpgrade",
  "TalosUpgrade",
  "TektonConfig",
  "VolumeGroupSnapshotClass",
  "VolumeSnapshotClass",
]);

/** One definition per kind with all versions in use; the first is stored. */
export function stubDefinitions(kinds: readonly KindInUse[]): readonly KubeObject[] {
  const versionsOf = new Map<string, Set<string>>();
  for (const { group, kind, version } of kinds) {
    const key = `${group}/${kind}`;
    versionsOf.set(key, (versionsOf.get(key) ?? new Set()).add(version));
  }
  return [...versionsOf].map(([key, versions]) => {
    const [group = "", kind = ""] = key.split("/");
    return stubDefinition(group, kind, [...versions].sort());
  });
}

function stubDefinition(group: string, kind: string, versions: readonly string[]): KubeObject {
  const plural = irregularPlurals[kind] ?? pluralOf(kind.toLowerCase());
  const isNamespaced = !clusterKinds.has(kind) && !/^Cluster(?!$)/.test(kind);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      annotations: { "api-approved.kubernetes.io": "unapproved, a stub" },
    },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: isNamespaced ? "Namespaced" : "Cluster",
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        subresources: { status: {} },
      })),
    },
  };
}

function pluralOf(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}
