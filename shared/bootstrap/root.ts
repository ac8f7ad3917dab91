/** The namespace and the root objects of a cluster, as `flux bootstrap` writes them. */
import { gitRepositoryApiVersion, gitRepositoryKind } from "../api/git-repository.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { kustomizationApiVersion, kustomizationKind } from "../api/kustomization.ts";
import type { FleetSync } from "../config/fleet.ts";
import { fluxNamespace, installationLabels, rootName } from "./names.ts";

export function namespace(): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: fluxNamespace,
      labels: {
        ...installationLabels,
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
      },
    },
  };
}

/** Root GitRepository: polled every minute, branch `main` unless the fleet names another, as with `flux bootstrap`. */
export function rootGitRepository({ url, branch = "main", secretRef }: FleetSync): KubeObject {
  return {
    apiVersion: gitRepositoryApiVersion,
    kind: gitRepositoryKind,
    metadata: { name: rootName, namespace: fluxNamespace },
    spec: { interval: "1m0s", ref: { branch }, ...(secretRef ? { secretRef: { name: secretRef } } : {}), url },
  };
}

/** Root Kustomization: every ten minutes, prunes. */
export function rootKustomization({ path }: FleetSync): KubeObject {
  return {
    apiVersion: kustomizationApiVersion,
    kind: kustomizationKind,
    metadata: { name: rootName, namespace: fluxNamespace },
    spec: {
      interval: "10m0s",
      path: `./${path.replace(/^(\.?\/)+/u, "")}`,
      prune: true,
      sourceRef: { kind: gitRepositoryKind, name: rootName },
    },
  };
}
