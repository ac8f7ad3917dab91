/** What the tests of fluxcd/pkg/kustomize build, and what they expect of it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { printGoYaml } from "../../../cli/print/go-yaml.ts";
import { buildDirectory } from "../../../cli/local-build/build-directory.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseKustomization, type Kustomization } from "../../../shared/api/kustomization.ts";
import { isRecord } from "../../../shared/api/schema.ts";
import { readVariables } from "../../../shared/kustomize/read-variables.ts";
import { completeRoot } from "../../../shared/render/generate.ts";
import { DEFAULT_RENDER_LIMITS, type KustomizationOverlay, overlayOf } from "../../../shared/render/protocol.ts";
import { render } from "../../../shared/render/render.ts";
import { createTree } from "../../../shared/render/tree.ts";
import { unpackArtifact } from "../../../shared/render/unpack.ts";
import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { substituteObjects } from "../../../shared/substitute/substitute-objects.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { artifactOf, filesBelow, renderTools, temporaryDirectory } from "./tools.ts";

const library = "../shared/vectors/pkg-kustomize";
const available = existsSync(library);
const tools = await renderTools(temporaryDirectory());

interface Case {
  readonly name: string;
  readonly ks: string;
  readonly cluster: readonly string[];
  readonly build: string;
  readonly generate?: boolean;
  readonly strict?: boolean;
  readonly always?: boolean;
  readonly exactOutput?: string;
  readonly contains?: readonly string[];
  readonly notContains?: readonly string[];
  readonly error?: string | null;
}

const { cases } = (available ? JSON.parse(readFileSync(`${library}/cases.json`, "utf8")) : { cases: [] }) as {
  readonly cases: readonly Case[];
};

/** The Kustomization in a file of theirs; older versions and a field that is gone are read as they are today. */
function kustomizationIn(file: string): Kustomization {
  const { validation: _, ...spec } = (parse(readFileSync(`${library}/${file}`, "utf8")) as KubeObject).spec as Record<
    string,
    unknown
  >;
  const read = parseKustomization({
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: { name: "app", namespace: "apps" },
    spec,
  });
  if (!read.ok) throw new Error(JSON.stringify(read.findings));
  return read.value;
}

function clusterWith(files: readonly string[]) {
  const cluster = createMemoryCluster();
  for (const file of files) {
    const { stringData, ...object } = parse(readFileSync(`${library}/${file}`, "utf8")) as KubeObject;
    const entries = isRecord(stringData) ? Object.entries(stringData) : [];
    const data = Object.fromEntries(entries.map(([key, text]) => [key, Buffer.from(String(text)).toString("base64")]));
    cluster.put(entries.length > 0 ? { ...object, data } : object);
  }
  return cluster;
}

async function build(folder: string, { path = ".", ...overlay }: KustomizationOverlay & { path?: string } = {}) {
  const result = await render({ ...(await artifactOf(filesBelow(folder))), ...overlay, path }, tools);
  if (result.kind === "needs") throw new Error(JSON.stringify(result));
  return result;
}

async function yamlOf(folder: string, overlay: KustomizationOverlay = {}): Promise<string> {
  const result = await build(folder, overlay);
  if (result.kind !== "built") throw new Error(JSON.stringify(result));
  return result.yaml.toString();
}

/** The root kustomization with what the spec adds, as data; an artifact of nothing without a folder. */
async function completed(folder: string | undefined, overlay: KustomizationOverlay) {
  const { archive, artifactDigest } = await artifactOf(folder === undefined ? {} : filesBelow(folder));
  const tree = createTree(unpackArtifact(archive, artifactDigest, DEFAULT_RENDER_LIMITS), DEFAULT_RENDER_LIMITS);
  const { file, generatedFrom } = completeRoot(tree, "", overlay);
  return { root: JSON.parse(tree.read(file).toString()) as Record<string, unknown>, generatedFrom };
}

/** As Flux's CLI does, with patterns of files to leave out. */
function buildLocally(folder: string, ignore: string, overlay: KustomizationOverlay = {}): Promise<string> {
  const ignorePaths = ignore === "" ? [] : [ignore];
  return buildDirectory({ directory: folder, overlay, ignorePaths, workingDirectory: folder }, tools);
}

describe.skipIf(!available)(
  `variables and generated kustomizations of Flux's cases (skipped without ${library})`,
  () => {
    it.each(cases)("$name", async (entry) => {
      const kustomization = kustomizationIn(entry.ks);
      const { variables } = await readVariables(kustomization, clusterWith(entry.cluster), undefined);

      const yaml = await yamlOf(`${library}/${entry.build}`, entry.generate ? overlayOf(kustomization.spec) : {});
      const substituted = () =>
        entry.generate
          ? yaml
          : substituteObjects(yaml, variables, {
              strict: entry.strict ?? false,
              ...(entry.always ? { strategy: "Always" } : {}),
            });

      if (entry.error) {
        expect(substituted).toThrow(entry.error);
        return;
      }
      const text = substituted();
      if (entry.exactOutput) expect(text).toBe(readFileSync(`${library}/${entry.exactOutput}`, "utf8"));
      // As Go prints the object: what is left of an empty value is null.
      const printed = parseKubeYaml(text).map(printGoYaml).join("---\n");
      for (const part of entry.contains ?? []) expect(printed).toContain(part);
      for (const part of entry.notContains ?? []) expect(printed).not.toContain(part);
    });

    it("empty values are as values that are left out", async () => {
      const yaml = await yamlOf(`${library}/varsubstrictempty`);
      const withVariablesOf = async (ks: string, files: readonly string[], strict: boolean) => {
        const { variables } = await readVariables(kustomizationIn(ks), clusterWith(files), undefined);
        return substituteObjects(yaml, variables, { strict });
      };

      expect(await withVariablesOf("kustomization_varsub_dummy.yaml", [], false)).toBe(
        await withVariablesOf("kustomization_varsub_empty.yaml", ["configmap_empty.yaml", "secret_empty.yaml"], true),
      );
    });
  },
);

describe.skipIf(!available)(`the generator of fluxcd/pkg/kustomize (skipped without ${library})`, () => {
  it("builds nothing of an empty directory", async () => {
    const { root } = await completed(undefined, kustomizationIn("empty/ks.yaml").spec);
    const result = await render({ ...(await artifactOf({})), path: "." }, tools);

    expect(root).toMatchObject({ namespace: "_placeholder" });
    expect(result.kind === "built" && result.yaml.toString()).toBe("");
  });

  it("builds nothing of a kustomization without resources", async () => {
    const spec = overlayOf(kustomizationIn("noResources/ks.yaml").spec);

    expect((await completed(`${library}/noResources`, spec)).root.buildMetadata).toEqual(["originAnnotations"]);
    expect(await yamlOf(`${library}/noResources`, spec)).toBe("");
  });

  it("puts prefix, suffix and namespace over all", async () => {
    const objects = parseKubeYaml(await yamlOf(`${library}/name`, overlayOf(kustomizationIn("name/ks.yaml").spec)));

    expect(objects).toHaveLength(1);
    expect(objects[0]?.metadata).toMatchObject({ namespace: "test-namespace" });
    expect(objects[0]?.metadata.name).toContain("prefix-test-configmap-suffix");
  });

  it.each([
    ["of the file", "components", [], ["componentA"]],
    ["of the spec", undefined, ["componentB", "componentC"], ["componentB", "componentC"]],
    ["of both", "components", ["componentB", "componentC"], ["componentA", "componentB", "componentC"]],
  ])("has the components %s", async (_, folder, components, expected) => {
    const { root } = await completed(folder && `${library}/${folder}`, { components });

    expect(root.components).toEqual(expected);
  });

  it.each([
    ["of the spec", "buildMetadata", kustomizationMetadata(), ["originAnnotations", "transformerAnnotations"]],
    ["that an empty build needs", "buildMetadata", undefined, ["originAnnotations"]],
    ["of the spec in the place of that one", "noResources", ["transformerAnnotations"], ["transformerAnnotations"]],
  ])("has the metadata %s", async (_, folder, buildMetadata, expected) => {
    const { root } = await completed(`${library}/${folder}`, { buildMetadata });
    const objects = parseKubeYaml(await yamlOf(`${library}/${folder}`, { buildMetadata }));

    expect(root.buildMetadata).toEqual(expected);
    expect(objects).toHaveLength(folder === "buildMetadata" ? 1 : 0);
  });

  it("lists the manifests of a directory without a kustomization", async () => {
    const { generatedFrom } = await completed(`${library}/nokustomization/resources`, {});

    expect(generatedFrom).toEqual(["./configmap.yaml", "./secret.yaml"]);
  });

  it("asks for what is remote, and keeps what is not", async () => {
    const remote = "https://raw.githubusercontent.com/fluxcd/flux2/main/manifests/rbac/controller.yaml";
    const result = await render({ ...(await artifactOf(filesBelow(`${library}/remote`))), path: "." }, tools);

    expect((await completed(`${library}/remote`, {})).root.resources).toEqual(["configmap.yaml", remote]);
    expect(result).toMatchObject({ kind: "needs", needs: [{ url: remote }] });
  });

  it.each([
    ["nothing", "", ""],
    ["what is brought back", "!config.yaml", "kustomization_with_ignore_expected.yaml"],
  ])("builds %s of a directory whose ignore file leaves out all", async (_, ignore, expected) => {
    const yaml = await buildLocally(
      `${library}/resources`,
      ignore,
      overlayOf(kustomizationIn("kustomization.yaml").spec),
    );

    expect(yaml).toBe(expected === "" ? "" : readFileSync(`${library}/${expected}`, "utf8"));
  });

  it.each([
    ["basic", ""],
    ["with-sops", ".sops.yaml"],
    ["with-gitlab-ci", ".gitlab-ci.yml"],
  ])("scans ignore-tests/%s without '%s'", async (folder, ignore) => {
    const directory = `${library}/ignore-tests/${folder}`;

    expect(parseKubeYaml(await buildLocally(directory, ignore))).toMatchObject([{ kind: "Deployment" }]);
    if (ignore !== "") await expect(buildLocally(directory, "")).rejects.toThrow("failed to decode Kubernetes YAML");
  });

  it("builds a root above the path", async () => {
    const result = await build(`${library}/relbase`, { path: "clusters/staging/flux-system" });

    expect(result.kind === "built" && result.yaml.toString()).toContain("kind: ConfigMap");
  });

  it("says that kustomize panicked, without its stack", async () => {
    expect(await build(`${library}/panic`)).toMatchObject({
      reason: "BuildFailed",
      message:
        "kustomize build failed: recovered from kustomize build panic: number of previous names, " +
        "number of previous namespaces, number of previous kinds not equal",
    });
  });

  it("names the file of a path that does not decode", async () => {
    const result = await build(`${library}/nokustomization`, { path: "panic" });

    expect(result).toMatchObject({ reason: "BuildFailed" });
    expect(result.kind === "failed" && result.message).toMatch(
      /^failed to decode Kubernetes YAML from panic\/alert.yaml: MalformedYAMLError: yaml: line \d+: found unknown escape character$/,
    );
  });

  it("merges by a schema of its own without spoiling the next build", async () => {
    const [first, second] = [
      await yamlOf(`${library}/openapiPollution/pollutor`),
      await yamlOf(`${library}/openapiPollution/victim`),
    ];

    for (const part of ["image: nginx:latest", "resources:", "requests:", "memory: 64Mi"])
      expect(first).toContain(part);
    for (const part of ["image: busybox:latest", "resources:", "requests:", "memory: 64Mi"])
      expect(second).toContain(part);
  });

  it("has no folder that nothing is said of", () => {
    const own = ["components", "relbase", "panic", "nokustomization", "openapiPollution", "remote", "ignore-tests"];
    const taken = [
      ...own,
      "empty",
      "noResources",
      "name",
      "buildMetadata",
      ...cases.map(({ build: folder }) => folder),
    ];
    const folders = readdirSync(library, { withFileTypes: true }).filter((entry) => entry.isDirectory());

    expect(folders.map(({ name }) => name).filter((name) => !taken.includes(name))).toEqual([]);
  });
});

function kustomizationMetadata(): readonly string[] | undefined {
  return available ? kustomizationIn("buildMetadata/ks.yaml").spec.buildMetadata : undefined;
}
