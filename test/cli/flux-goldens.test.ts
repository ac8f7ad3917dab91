import { readFileSync, writeFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { createProgram } from "../../cli/program.ts";
import { CommandError } from "../../cli/ports.ts";
import { printGoTime } from "../../cli/go-time.ts";
import { withGoFlags } from "../../cli/go-flags.ts";
import { type KubeObject, refOf } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { parseKubeYaml, splitKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { createMemoryCluster } from "../fakes/memory-cluster.ts";
import { renderTools, temporaryDirectory } from "../shared/render/tools.ts";
import { aWorld, programPorts } from "./world.ts";
import { withQuantities } from "../../shared/ssa/go-quantities.ts";

const vectors = "test/vectors/flux-cli";
const scratch = temporaryDirectory();
const tools = await renderTools(scratch);

interface Case {
  readonly name: string;
  readonly command: string;
  readonly objects: readonly string[];
  readonly golden?: string;
  readonly error?: string;
}

const { cases, kustomizationFile } = JSON.parse(readFileSync(`${vectors}/cases.json`, "utf8")) as {
  readonly cases: readonly Case[];
  readonly kustomizationFile: string;
};

/** Kinds of which the cluster in memory knows nothing. */
const definitions = [
  ["image.toolkit.fluxcd.io", "v1", "ImageRepository", "imagerepositories"],
  ["image.toolkit.fluxcd.io", "v1", "ImagePolicy", "imagepolicies"],
  ["image.toolkit.fluxcd.io", "v1", "ImageUpdateAutomation", "imageupdateautomations"],
  ["notification.toolkit.fluxcd.io", "v1", "Receiver", "receivers"],
  ["notification.toolkit.fluxcd.io", "v1beta3", "Provider", "providers"],
  ["notification.toolkit.fluxcd.io", "v1beta3", "Alert", "alerts"],
  ["source.toolkit.fluxcd.io", "v1", "ExternalArtifact", "externalartifacts"],
  ["helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases"],
].map(([group = "", version, kind = "", plural = ""]): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: { group, scope: "Namespaced", names: { kind, plural }, versions: [{ name: version, served: true }] },
}));

const fill = (text: string, more: Readonly<Record<string, string>> = {}): string =>
  Object.entries({ fluxns: "flux-ns", ns: "apps", ...more }).reduce(
    (filled, [name, value]) => filled.replaceAll(`{{ .${name} }}`, value),
    text,
  );

const read = (path: string, more?: Readonly<Record<string, string>>) =>
  fill(readFileSync(`${vectors}/${path}`, "utf8"), more);

const objectsOf = (path: string): readonly KubeObject[] =>
  splitKubeYaml(read(path))
    .flatMap(({ text }) => parseKubeYaml(text))
    .map((object) => withServerValues(object));

type Change = (spec: Record<string, unknown>) => Record<string, unknown>;

/** Defaults of Flux's definitions, and a field that one of them does not have. */
const byDefinition: Readonly<Record<string, Change>> = {
  GitRepository: (spec) => ({ timeout: "60s", ...spec }),
  HelmRepository: (spec) => ({ provider: "generic", ...spec }),
  ImagePolicy: (spec) => ({ digestReflectionPolicy: "Never", ...spec }),
  ImageRepository: (spec) => ({ provider: "generic", exclusionList: ["^.*\\.sig$"], ...spec }),
  ImageUpdateAutomation: (spec) =>
    JSON.parse(
      JSON.stringify(spec, (key, value: unknown) => (key === "messageTemplate" ? undefined : value)),
    ) as Record<string, unknown>,
  Receiver: (spec) => ({ interval: "10m", ...spec }),
  HelmRelease: ({ chart, ...spec }) => {
    if (chart === undefined) return spec;
    const { spec: of } = chart as { spec: object };
    return { ...spec, chart: { spec: { reconcileStrategy: "ChartVersion", version: "*", ...of } } };
  },
  Kustomization: (spec) => ({ force: false, ...spec }),
};

/** What the API server makes of the objects of these cases. */
function withServerValues(object: KubeObject): KubeObject {
  const { kind, spec, stringData, ...rest } = object;
  if (kind === "Secret" && isRecord(stringData)) {
    const data = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString("base64")]);
    return { ...rest, kind, data: Object.fromEntries(data) as unknown };
  }
  const change = byDefinition[kind];
  if (!change || !isRecord(spec)) return object;
  const status = kind === "Kustomization" ? { status: object.status ?? { observedGeneration: -1 } } : {};
  return { ...object, spec: change(spec), ...status };
}

const aNamespace = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

/** The cluster in memory counts generations of Services too. */
const withoutGenerations = (report: string) => report.replace(/\nmetadata\.generation\n.*\n.*\n.*\n/g, "");

async function run(command: string, objects: readonly KubeObject[]) {
  const cluster = createMemoryCluster();
  for (const object of definitions) cluster.put(object);
  for (const { metadata } of objects) if (metadata.namespace) cluster.put(aNamespace(metadata.namespace));
  for (const object of objects) {
    // A real server keeps quantities as Go spells them.
    const stored = await cluster.apply(withQuantities(object), { fieldManager: "kustomize-controller", force: true });
    if (object.status) cluster.edit(refOf(stored), { status: object.status });
  }
  const world = aWorld([], { clusters: [{ name: "local", cluster }] });
  const ports = { ...programPorts(world, tools), workingDirectory: `${process.cwd()}/${vectors}` };
  const program = createProgram(ports, {});
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const outcome = await program.parseAsync(withGoFlags(program, words), { from: "user" }).then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof Error)) throw error;
      return error;
    },
  );
  return { stdout: world.stdout(), stderr: world.stderr(), outcome };
}

/** Objects of cases that upstream creates outside of its table. */
const alsoThere: Readonly<Record<string, string>> = {
  "diff_kustomization 137": "testdata/diff-kustomization/existing-configmap.yaml",
  "diff_kustomization 140": "testdata/diff-kustomization/drifted-service-no-labels.yaml",
};

const parents = ["podinfo-source.yaml", "podinfo-kustomization.yaml"].map(
  (name) => `testdata/build-kustomization/${name}`,
);

describe("a verb that only looks, as Flux's CLI prints it", () => {
  it.each(cases.map((entry) => [entry.name, entry.command, entry] as const))("%s: %s", async (name, _, entry) => {
    const isNew = entry.command.includes("--ignore-not-found") || entry.error?.includes("not found");
    const setup = name.startsWith("diff") && !isNew ? parents : [];
    const files = [...setup, ...entry.objects, alsoThere[name]].filter((path) => path !== undefined);
    const file = `${scratch}/kustomization.yaml`;
    writeFileSync(file, fill(kustomizationFile));
    const command = fill(entry.command).replaceAll("@FILE@", file).replaceAll("@ABS@", `${process.cwd()}/${vectors}`);

    const { stdout, outcome } = await run(command, files.flatMap(objectsOf));

    if (entry.error === undefined) {
      const isDifferent = outcome instanceof CommandError && outcome.severity === "warning" && outcome.exitCode === 1;
      expect(isDifferent ? undefined : outcome).toBeUndefined();
      expect(withoutGenerations(stdout).trimEnd()).toBe(read(entry.golden!).trimEnd());
    } else {
      expect(outcome?.message).toBe(fill(entry.error));
      if (name.startsWith("diff")) expect(outcome).toMatchObject({ exitCode: 2 });
    }
  });
});

describe("tree, as Flux's CLI prints it", () => {
  it.each([
    ["tree kustomization flux-system", "tree.golden"],
    ["tree ks flux-system --compact", "tree-compact.golden"],
    ["tree kustomization empty", "tree-empty.golden"],
  ])("%s", async (command, golden) => {
    const { stdout, outcome } = await run(`${command} -n flux-ns`, objectsOf("testdata/tree/kustomizations.yaml"));

    expect(outcome).toBeUndefined();
    expect(stdout).toBe(read(`testdata/tree/${golden}`));
  });
});

describe("trace, as Flux's CLI prints it", () => {
  const times = {
    helmReleaseLastReconcile: "2021-07-16T15:42:20Z",
    helmChartLastReconcile: "2021-07-16T15:32:09Z",
    helmRepositoryLastReconcile: "2021-07-11T00:25:46Z",
    kustomizationLastReconcile: "2021-08-01T04:52:56Z",
    gitRepositoryLastReconcile: "2021-07-20T00:48:16Z",
    ociRepositoryLastReconcile: "2021-07-20T00:48:16Z",
  };
  const shown = Object.fromEntries(Object.entries(times).map(([name, time]) => [name, printGoTime(time)]));

  it.each([
    ["deployment", "trace podinfo --kind deployment --api-version=apps/v1"],
    ["helmrelease", "trace podinfo --kind HelmRelease --api-version=helm.toolkit.fluxcd.io/v2"],
    ["helmrelease-oci", "trace podinfo --kind HelmRelease --api-version=helm.toolkit.fluxcd.io/v2"],
    ["deployment-hr-ocirepo", "trace podinfo --kind deployment --api-version=apps/v1"],
    ["helmrelease", "trace -n apps helmrelease podinfo"],
  ])("%s: %s", async (name, command) => {
    const { stdout, stderr, outcome } = await run(`${command} -n apps`, objectsOf(`testdata/trace/${name}.yaml`));

    expect([stderr, outcome]).toEqual(["", undefined]);
    expect(stdout).toBe(read(`testdata/trace/${name}.golden`, shown));
  });
});
