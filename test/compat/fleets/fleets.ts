/** The public fleets of ../shared/fleets that are played, and where in them the clusters are. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Fleet {
  /** A folder of the fleets. */
  readonly name: string;
  /** Addresses of Git repositories that are this very repository. */
  readonly own: RegExp;
  readonly clusters: readonly FleetCluster[];
}

export interface FleetCluster {
  readonly name: string;
  /** What the root Kustomization builds. */
  readonly path: string;
  /** The file that holds the root and its source, when it is not `<path>/flux-system/gotk-sync.yaml`. */
  readonly sync?: string;
  /** Branches that the fleet follows and does not bring. */
  readonly branches?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface PlacedFleet {
  /** `fleet:<fleet>/<cluster>` */
  readonly name: string;
  /** Absolute folder of the fleet. */
  readonly folder: string;
  readonly fleet: Fleet;
  readonly cluster: FleetCluster;
}

const tenantApp = (name: string): string =>
  `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
data:
  of: a tenant
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${name}
`;

const at =
  (folder: (name: string) => string) =>
  (name: string): FleetCluster => ({ name, path: folder(name) });
const testdata = "tests/testdata";

export const fleets: readonly Fleet[] = [
  {
    name: "flux2-multi-tenancy",
    own: /fluxcd\/flux2-multi-tenancy/,
    clusters: ["staging", "production"].map((name) => ({
      name,
      path: `clusters/${name}`,
      branches: {
        "dev-team": {
          [`${name}/app.yaml`]: tenantApp("dev-app"),
          [`${name}/kustomization.yaml`]: "namespace: apps\nresources: [app.yaml]\n",
        },
      },
    })),
  },
  {
    name: "flux2-kustomize-helm-example",
    own: /fluxcd\/flux2-kustomize-helm-example/,
    clusters: ["staging", "production"].map(at((name) => `clusters/${name}`)),
  },
  {
    name: "cncf-green-reviews-tooling",
    own: /cncf-tags\/green-reviews-tooling/,
    clusters: [{ name: "equinix", path: "clusters" }],
  },
  {
    name: "stefanprodan-gitops-istio",
    own: /stefanprodan\/gitops-istio/,
    clusters: [{ name: "my-cluster", path: "clusters/my-cluster" }],
  },
  {
    name: "flux-local-testdata",
    own: /allenporter\/flux-local|tropnikovvl\/flux-local-test|example\/home-ops/,
    clusters: [
      { name: "cluster", path: `${testdata}/cluster/clusters/prod` },
      ...["cluster2", "cluster4"].map((name) => ({
        name,
        path: `${testdata}/${name}/flux`,
        sync: `${testdata}/${name}/flux/config/cluster.yaml`,
      })),
      { name: "cluster3", path: `${testdata}/cluster3/clusters/cluster3` },
      { name: "cluster5", path: `${testdata}/cluster5/clusters/prod` },
      { name: "cluster7", path: `${testdata}/cluster7/clusters/home` },
      ...["cluster9", "cluster10"].map(at((name) => `${testdata}/${name}/clusters/dev`)),
      ...["cluster6", "cluster8", "cluster11", "cluster12", "image_error"].map(
        at((name) => `${testdata}/${name}/cluster`),
      ),
    ],
  },
  {
    name: "equinor-radix-flux",
    own: /equinor\/radix-flux/,
    clusters: ["monitoring", "playground", "development", "c3", "c2-production", "production"].map(
      at((name) => `clusters/${name}`),
    ),
  },
  {
    name: "onedr0p-home-ops",
    own: /onedr0p\/home-ops/,
    clusters: [{ name: "main", path: "kubernetes/flux/cluster" }],
  },
];

/** A whole file as `flux install` writes it, with the version of the controllers that are run. */
export const wholeComponents = "equinor-radix-flux/clusters/production/flux-system/gotk-components.yaml";

export const isFleet = (name: string): boolean => name.startsWith("fleet:");

/** @returns nothing of a fleet that is not there */
export function placeFleets(folder: string): readonly PlacedFleet[] {
  return fleets
    .filter(({ name }) => existsSync(join(folder, name)))
    .flatMap((fleet) =>
      fleet.clusters.map((cluster) => ({
        name: `fleet:${fleet.name}/${cluster.name}`,
        folder: join(folder, fleet.name),
        fleet,
        cluster,
      })),
    );
}
