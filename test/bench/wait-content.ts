/** The objects of B9, as in Flux's own benchmark: ServiceAccount, Service, Deployment without replicas, Ingress. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import { benchNamespace, type Files } from "./content.ts";
import { benchName, fluxNamespace } from "./rig.ts";

export const benchLabel = "bench";

export const waitName = (index: number): string => `app-${String(index).padStart(4, "0")}`;

/** One folder of four manifests for each Kustomization, so that each needs a build of its own. */
export function waitFiles(count: number): Files {
  const files: Record<string, string> = {};
  for (let index = 0; index < count; index += 1) {
    const name = waitName(index);
    for (const object of objectsOf(name)) files[`${name}/${object.kind.toLowerCase()}.yaml`] = JSON.stringify(object);
  }
  return files;
}

export function waitingKustomization(name: string): KubeObject {
  return {
    apiVersion: kustomizationApiVersion,
    kind: kustomizationKind,
    metadata: { name, namespace: fluxNamespace, labels: { [benchLabel]: "wait" } },
    spec: {
      interval: "1h",
      timeout: "2m",
      path: `./${name}`,
      prune: true,
      wait: true,
      sourceRef: { kind: "GitRepository", name: benchName },
    },
  };
}

function objectsOf(name: string): readonly KubeObject[] {
  const metadata = { name, namespace: benchNamespace };
  const labels = { app: name };
  const backend = { service: { name, port: { name: "http" } } };
  const containers = [{ name: "app", image: "registry.example.com/app:1.0.0", ports: [{ containerPort: 8080 }] }];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { serviceAccountName: name, containers } },
      },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata,
      spec: { rules: [{ host: `${name}.example.com`, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] },
    },
  ];
}
