/**
 * What both sides of a bench have in common: a real API server with a GitRepository and one Kustomization on it, a
 * repository on a Git server that both use, and an observer that tells when a pushed revision is applied.
 */
import { basename } from "node:path";

import type { KubeObject } from "../../shared/api/kube-object.ts";
import { gitRepositoryApiVersion, gitRepositoryKind } from "../../shared/api/git-repository.ts";
import { kustomizationApiVersion, kustomizationKind } from "../../shared/api/kustomization.ts";
import type { OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import type { Connection } from "../../shared/kubernetes/transport.ts";
import type { GitServer, Repository } from "../fakes/git-server.ts";
import type { RealCluster } from "../real/up.ts";
import { benchNamespace, benchPath } from "./content.ts";

export const benchName = "bench";
export const fluxNamespace = "flux-system";
export const sourceRef = {
  apiVersion: gitRepositoryApiVersion,
  kind: gitRepositoryKind,
  namespace: fluxNamespace,
  name: benchName,
};
export const kustomizationRef = {
  apiVersion: kustomizationApiVersion,
  kind: kustomizationKind,
  namespace: fluxNamespace,
  name: benchName,
};

const submitter = "bench";
const applyWithinMillis = 180_000;

export interface Pushed {
  /** From the moment at which the server has the commit until the Kustomization is Ready at it. */
  readonly seconds: number;
  /** Of the part that fetches. */
  readonly sourceRequests: number;
  /** Of the part that builds and applies. */
  readonly applyRequests: number;
}

/** One of the two engines with its own API server. */
export interface Side {
  readonly name: string;
  readonly observer: OpenCluster;
  /** Commits the files (`null` deletes), tells the engine, and waits until all of it is applied and the engine is idle. */
  push(files: Readonly<Record<string, string | null>>): Promise<Pushed>;
  close(): Promise<void>;
}

export async function connectionOf(real: RealCluster, user: string): Promise<Connection> {
  const { cert, key } = await real.certificateOf(user);
  return { server: real.url, ca: real.ca, clientCertificate: cert, clientKey: key };
}

/** The namespace of the objects, the source and the Kustomization, as a user would have made them. */
export async function submitObjects(observer: OpenCluster, server: GitServer, { folder }: Repository): Promise<void> {
  const url = `${server.url}/${basename(folder)}`;
  const metadata = { name: benchName, namespace: fluxNamespace };
  // An interval so long that no timed run is one that nobody asked for.
  const interval = "1h";
  const spec = {
    interval,
    path: `./${benchPath}`,
    prune: true,
    sourceRef: { kind: gitRepositoryKind, name: benchName },
  };
  const objects: readonly KubeObject[] = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: benchNamespace } },
    {
      apiVersion: gitRepositoryApiVersion,
      kind: gitRepositoryKind,
      metadata,
      spec: { interval, url, ref: { branch: "main" } },
    },
    { apiVersion: kustomizationApiVersion, kind: kustomizationKind, metadata, spec },
  ];
  for (const object of objects) await observer.apply(object, { fieldManager: submitter, force: true });
}

/** Adds, changes or removes files in the repository. Gives the revision as Flux writes it. */
export function commit(repository: Repository, files: Readonly<Record<string, string | null>>): string {
  return `main@sha1:${repository.commit(files)}`;
}

interface Status {
  readonly lastAppliedRevision?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

/** Opens a WATCH now; `applied` ends when the Kustomization is Ready at the revision. */
export async function watchApplied(observer: OpenCluster): Promise<(revision: string) => Promise<number>> {
  const { apiVersion, kind, namespace } = kustomizationRef;
  const fieldSelector = `metadata.name=${benchName}`;
  const { resourceVersion } = await observer.list(apiVersion, kind, { namespace, fieldSelector });
  const over = new AbortController();
  const events = observer.watch(apiVersion, kind, { namespace, fieldSelector, resourceVersion, signal: over.signal });
  return async (revision) => {
    const late = setTimeout(() => over.abort(), applyWithinMillis);
    let last = "nothing happened";
    try {
      for await (const { object } of events) {
        const { lastAppliedRevision, conditions = [] } = (object.status ?? {}) as Status;
        const ready = conditions.find(({ type }) => type === "Ready");
        if (ready?.message !== undefined) last = ready.message;
        if (lastAppliedRevision === revision && ready?.status === "True") return performance.now();
      }
    } finally {
      clearTimeout(late);
      over.abort();
    }
    throw new Error(`${revision} was not applied within ${applyWithinMillis / 1000} s: ${last}`);
  };
}
