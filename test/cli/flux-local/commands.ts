/** Which of flux-local's commands mean something to us, and why the others do not. */

/** Directories of sources by name, "" being the repository's root; every other source is one that nobody has here. */
type Sources = Readonly<Record<string, string>>;

export interface Root {
  /** File with the Kustomization that the cluster's bootstrap applies. */
  readonly file: string;
  readonly name: string;
  readonly sources: Sources;
  /** Where a Kustomization without a path is built: to flux-local that is the folder it was given, to Flux the root. */
  readonly unpathed?: string;
}

const own: Sources = { "flux-system": "" };
const gotk = (path: string, sources: Sources = own): Root => ({
  file: `tests/testdata/${path}/flux-system/gotk-sync.yaml`,
  name: "flux-system",
  sources,
});
const homeOps = (path: string): Root => ({
  file: `tests/testdata/${path}/flux/config/cluster.yaml`,
  name: "cluster",
  sources: { "home-ops-kubernetes": "" },
});

/** By the folder that a command is given. */
export const roots: Readonly<Record<string, Root>> = {
  cluster: gotk("cluster/clusters/prod"),
  "cluster/clusters/prod": gotk("cluster/clusters/prod"),
  cluster2: homeOps("cluster2"),
  cluster3: gotk("cluster3/clusters/cluster3", { ...own, cluster: "tests/testdata/cluster3" }),
  cluster4: homeOps("cluster4"),
  cluster5: { ...gotk("cluster5/clusters/prod"), unpathed: "tests/testdata/cluster5" },
  cluster6: gotk("cluster6/cluster"),
  cluster7: gotk("cluster7/clusters/home"),
  cluster8: gotk("cluster8/cluster"),
  "cluster9/clusters/dev": gotk("cluster9/clusters/dev"),
  cluster10: gotk("cluster10/clusters/dev"),
  cluster11: gotk("cluster11/cluster", { ...own, apps: "tests/testdata/cluster11/externalartifact" }),
};

const charts = "not yet: charts are not rendered";
const twoTrees =
  "compares two states of a Git working tree; `diff kustomization` compares with a cluster (test/cli/flux-goldens.test.ts)";
const noCluster = "is asked of a folder without a Kustomization of Flux; a build of ours is told its Kustomization";

/** Snapshots that are not followed, by their names, with the reason. */
export const notTaken: Readonly<Record<string, string>> = {
  "test_build_hr[build-hr]": charts,
  "test_build_hr[build-hr-single]": charts,
  "test_build_hr[build-hr-cluster3]": charts,
  "test_build_hr[build-hr-single-cluster6]": charts,
  "test_build_hr[build-hr-single-cluster7]": charts,
  "test_build_hr[build-hr-single-cluster8]": charts,
  "test_build_hr[build-hr-single-cluster9]": charts,
  "test_build_hr[build-hr-cluster10-invalid-paths]": charts,
  "test_build_hr[build-hr-flag-fixture-upgrade]": charts,
  "test_build_hr[build-hr-flag-fixture-show-only-multiple]": charts,
  "test_build_hr[build-hr-flag-fixture-include-crds]": charts,
  "test_build_hr_new[build-hr]": charts,
  "test_build_hr_new[build-hr-single]": charts,
  "test_build_hr_new[build-hr-single-cluster7]": charts,
  "test_build_hr_new[build-hr-single-cluster8]": charts,
  "test_build_hr_new[build-hr-single-cluster9]": charts,
  "test_diff_hr[podinfo]": charts,
  "test_diff_hr[cluster6]": charts,
  "test_diff_hr[yaml]": charts,
  "test_diff_hr[all-namespaces]": charts,
  "test_diff_hr[all]": charts,
  "test_diff_hr[external]": charts,
  "test_diff_hr[external-limit-bytes]": charts,
  "test_diff_hr[limit-bytes]": charts,
  "test_diff_hr[not-found]": charts,
  "test_diff_hr[not-found-namespace]": charts,
  "test_diff_hr[not-found-all-namespaces]": charts,
  "test_diff_ks[apps]": twoTrees,
  "test_diff_ks[ks-external]": twoTrees,
  "test_diff_ks[yaml]": twoTrees,
  "test_diff_ks[yaml-limit]": twoTrees,
  "test_diff_ks[yaml-empty-sources]": twoTrees,
  "test_get_cluster[yaml-cluster8-only-images]": charts,
  "test_get_cluster[json-cluster-only-images]": charts,
  "test_get_ks[ks_path]": noCluster,
};
