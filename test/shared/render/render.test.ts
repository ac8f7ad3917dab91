import { describe, expect, it } from "vitest";

import { render, type RenderInput, type RenderTools } from "../../../shared/render/render.ts";
import { artifactOf, type Files, renderTools, temporaryDirectory } from "./tools.ts";

const tools: RenderTools = await renderTools(temporaryDirectory());

const object = (kind: string, name: string, apiVersion = "v1"): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n`;

async function build(files: Files, options: Partial<RenderInput> = {}) {
  const result = await render({ ...(await artifactOf(files)), path: "./apps", ...options }, tools);
  if (result.kind === "needs") throw new Error(JSON.stringify(result));
  return result;
}

async function yamlOf(files: Files, options: Partial<RenderInput> = {}): Promise<string> {
  const result = await build(files, options);
  if (result.kind !== "built") throw new Error(JSON.stringify(result));
  return result.yaml.toString();
}

const namesIn = (yaml: string): string[] => [...yaml.matchAll(/^ {2}name: (.*)$/gm)].map(([, name]) => name ?? "");

describe("render", () => {
  it("keeps the order of the repository, as Flux does", async () => {
    const yaml = await yamlOf({
      "apps/kustomization.yaml": "resources: [web.yaml, ns.yaml]",
      "apps/web.yaml": object("ConfigMap", "web"),
      "apps/ns.yaml": object("Namespace", "team"),
    });

    expect(namesIn(yaml)).toEqual(["web", "team"]);
  });

  it("sorts when the repository asks for it", async () => {
    const yaml = await yamlOf({
      "apps/kustomization.yaml": "sortOptions: {order: legacy}\nresources: [web.yaml, ns.yaml]",
      "apps/web.yaml": object("ConfigMap", "web"),
      "apps/ns.yaml": object("Namespace", "team"),
    });

    expect(namesIn(yaml)).toEqual(["team", "web"]);
  });

  it("lists all manifests where the path has no kustomization, directories with one as a whole", async () => {
    const yaml = await yamlOf({
      "apps/b.yaml": object("ConfigMap", "b"),
      "apps/a/deep/z.yml": object("ConfigMap", "z"),
      "apps/a/notes.txt": "not yaml: [",
      "apps/c/kustomization.yml": "namePrefix: c-\nresources: [one.yaml]",
      "apps/c/one.yaml": object("ConfigMap", "one"),
      "apps/c/broken.yaml": "a: [",
      "other/x.yaml": object("ConfigMap", "x"),
    });

    expect(namesIn(yaml)).toEqual(["z", "b", "c-one"]);
  });

  it("tells of patches that change nothing and of fields that are left out", async () => {
    const patch = (name: string, text = "[]") => ({ target: { kind: "ConfigMap", name }, patch: text });
    const result = await build(
      {
        "apps/kustomization.yaml": JSON.stringify({
          resources: ["base"],
          patchs: [],
          namePrefix: "prod-",
          patches: [patch("a"), patch("none"), { ...patch("gone"), patch: undefined, path: "gone.yaml" }],
        }),
        "apps/gone.yaml": "$patch: delete\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: gone\n",
        "apps/base/kustomization.yaml": JSON.stringify({ resources: ["a.yaml"], patches: [patch("b.*")] }),
        "apps/base/a.yaml": `${object("ConfigMap", "a")}---\n${object("ConfigMap", "gone")}`,
      },
      { patches: [patch("none-of-the-spec")] },
    );

    if (result.kind !== "built") throw new Error(JSON.stringify(result));
    expect(namesIn(result.yaml.toString())).toEqual(["prod-a"]);
    expect(result.warnings).toEqual([
      {
        reason: "UnknownField",
        message: "apps/kustomization.yaml has an unknown field patchs, which is left out, did you mean patches?",
      },
      {
        reason: "PatchWithoutTarget",
        message:
          "patches[1] of apps/kustomization.yaml changes nothing: no object of the build matches its target (kind: ConfigMap, name: none): correct the target or remove the patch",
      },
      {
        reason: "PatchWithoutTarget",
        message:
          "patches[0] of apps/base/kustomization.yaml changes nothing: no object of the build matches its target (kind: ConfigMap, name: b.*): correct the target or remove the patch",
      },
    ]);
  });

  it("builds nothing out of an empty path", async () => {
    expect(await yamlOf({ "apps/readme.md": "" })).toBe("");
  });

  it.each([
    ["", ["root"]],
    [".", ["root"]],
    ["./sub/", ["sub"]],
    ["../../sub", ["sub"]],
  ])("stops at the root for the path %j", async (path, names) => {
    const files = { "kustomization.yaml": "resources: [a.yaml]", "a.yaml": object("ConfigMap", "root") };

    const yaml = await yamlOf({ ...files, "sub/a.yaml": object("ConfigMap", "sub") }, { path });

    expect(namesIn(yaml)).toEqual(names);
  });

  it("reads files that lie above the kustomization, inside the artifact", async () => {
    const yaml = await yamlOf(
      {
        "apps/prod/kustomization.yaml": "resources: [../../base]\npatches: [{path: ../patch.yaml}]",
        "apps/patch.yaml": `${object("ConfigMap", "web")}data: {patched: "yes"}\n`,
        "base/kustomization.yaml":
          "resources: [web.yaml]\nconfigMapGenerator: [{name: files, files: [../files/a.txt]}]",
        "base/web.yaml": object("ConfigMap", "web"),
        "files/a.txt": "content",
      },
      { path: "apps/prod" },
    );

    expect(yaml).toContain('patched: "yes"');
    expect(yaml).toContain("a.txt: content");
  });

  it("merges the fields of the spec into the root", async () => {
    const yaml = await yamlOf(
      {
        "apps/kustomization.yaml":
          "namespace: old\nresources: [web.yaml]\nimages: [{name: nginx, newName: mirror/nginx, newTag: '1'}]",
        "apps/web.yaml": `${object("Pod", "web")}spec: {containers: [{name: a, image: nginx}]}\n`,
        "apps/part/kustomization.yaml":
          "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {from: component}}]",
      },
      {
        targetNamespace: "team",
        namePrefix: "p-",
        nameSuffix: "-s",
        images: [{ name: "nginx", newTag: "2" }],
        components: ["part", "gone"],
        ignoreMissingComponents: true,
        patches: [
          { target: { kind: "Pod" }, patch: '[{"op": "add", "path": "/metadata/labels/patched", "value": "true"}]' },
        ],
      },
    );

    expect(yaml).toBe(
      'apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    from: component\n    patched: "true"\n  name: p-web-s\n' +
        "  namespace: team\nspec:\n  containers:\n  - image: mirror/nginx:2\n    name: a\n",
    );
  });

  it("refuses a component of the spec that is not local", async () => {
    expect(await build({ "apps/a.yaml": "" }, { components: ["https://example.com/c"] })).toMatchObject({
      reason: "BuildFailed",
      message: "component path 'https://example.com/c' must be local and relative",
    });
  });

  it("drops unknown fields of the root only, as Flux does", async () => {
    const files = {
      "apps/kustomization.yaml": "unknown: 1\nresources: [a]",
      "apps/a/kustomization.yaml": "namePrefix: a-",
    };

    expect((await build(files)).kind).toBe("built");
    expect(await build({ ...files, "apps/a/kustomization.yaml": "unknown: 1" })).toMatchObject({
      message: expect.stringContaining('unknown field "unknown"') as string,
    });
  });

  it("takes numbers and booleans for text in the root only, as Flux does", async () => {
    const files = {
      "apps/kustomization.yaml": "commonLabels: {set: yes, version: 1.10, mode: 0755}\nresources: [a]",
      "apps/a/kustomization.yaml": "resources: [a.yaml]",
      "apps/a/a.yaml": object("ConfigMap", "a"),
    };

    expect(await yamlOf(files)).toContain('    mode: "493"\n    set: "true"\n    version: "1.1"\n');
    expect(await build({ ...files, "apps/a/kustomization.yaml": "commonLabels: {a: 1}" })).toMatchObject({
      message: expect.stringContaining("cannot unmarshal number into Go struct field") as string,
    });
  });

  it("annotates the origin where the root has no resources, as Flux does", async () => {
    const yaml = await yamlOf({ "apps/kustomization.yaml": "configMapGenerator: [{name: a, literals: [b=c]}]" });

    expect(yaml).toContain("config.kubernetes.io/origin");
  });

  it.each([
    ["./none", "kustomization path not found: stat none: no such file or directory"],
    ["apps/a.yaml/x", "kustomization path not found: stat apps/a.yaml/x: no such file or directory"],
  ])("says of the missing path %s what Flux says", async (path, message) => {
    const result = await build({ "apps/a.yaml": object("ConfigMap", "a") }, { path });

    expect(result).toEqual({ kind: "failed", reason: "ArtifactFailed", message });
  });

  it.each([
    [
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: golden\n",
      "MalformedYAMLError: yaml: line 2: did not find expected ',' or '}'",
    ],
    ["kind: ConfigMap\n", "missing metadata.name in object {{ ConfigMap} {{ } map[] map[]}}"],
  ])("says of a file that does not decode what Flux says", async (text, words) => {
    const result = await build({ "apps/a.yaml": text });

    const message = `failed to decode Kubernetes YAML from apps/a.yaml: ${words}`;
    expect(result).toMatchObject({ kind: "failed", reason: "BuildFailed", message });
  });

  it("does not take directories that do not go together for a file that does not decode", async () => {
    const root = "resources: [a.yaml]\n";
    const result = await build({
      "apps/one/kustomization.yaml": root,
      "apps/one/a.yaml": object("ConfigMap", "a"),
      "apps/two/kustomization.yaml": root,
      "apps/two/a.yaml": object("ConfigMap", "a"),
    });

    expect(result).toMatchObject({ reason: "BuildFailed" });
    expect(result.kind === "failed" && result.message).toMatch(
      /^kustomize build failed: .* may not add resource with an already registered id: ConfigMap\.v1\.\[noGrp\]\/a\.\[noNs\]$/s,
    );
  });

  it("passes on kustomize's words without our directories", async () => {
    const result = await build({
      "apps/kustomization.yaml": "bases: [base]\nresources: [a.yaml, b.yaml]",
      "apps/a.yaml": object("ConfigMap", "a"),
      "apps/b.yaml": object("ConfigMap", "a"),
      "apps/base/readme.md": "",
    });

    expect(result).toMatchObject({ kind: "failed", reason: "BuildFailed" });
    expect(result.kind === "failed" && result.message).toMatch(
      /^kustomize build failed: accumulating resources: .*may not add resource with an already registered id: ConfigMap.v1.\[noGrp\]\/a.\[noNs\]/,
    );
    expect(JSON.stringify(result)).not.toMatch(/render-|Warning|tmp/);
  });

  it("refuses a kustomization that is no mapping", async () => {
    expect(await build({ "apps/kustomization.yaml": "- a" })).toMatchObject({
      message: "apps/kustomization.yaml is not a kustomization: want a mapping",
    });
  });
});

describe("the closure of a build", () => {
  const files = {
    "apps/kustomization.yaml": "resources: [a.yaml]",
    "apps/a.yaml": object("ConfigMap", "a"),
    "apps/unused.yaml": "x",
  };
  const closureOf = async (changed: Files, options: Partial<RenderInput> = {}) =>
    (await build({ ...files, ...changed }, options)).closure?.digest;

  it("stays when a file changes that the build does not read", async () => {
    expect(await closureOf({ "apps/unused.yaml": "y" })).toBe(await closureOf({}));
  });

  it.each<[string, Files, Partial<RenderInput>]>([
    ["a file that it reads", { "apps/a.yaml": `${object("ConfigMap", "a")}data: {}\n` }, {}],
    ["the kustomization", { "apps/kustomization.yaml": "resources: [./a.yaml]" }, {}],
    ["a field of the spec", {}, { targetNamespace: "team" }],
  ])("changes with %s", async (_, changed, options) => {
    expect(await closureOf(changed, options)).not.toBe(await closureOf({}));
  });

  it("saves the build when it is known", async () => {
    const first = await build(files);

    const second = await build({ ...files, "apps/unused.yaml": "z" }, { knownClosure: first.closure?.digest });

    expect(second).toEqual({ kind: "unchanged", closure: first.closure });
    expect(first.closure?.files).toBe(2);
  });

  it("comes with kustomize's refusal too, so that it is not asked again", async () => {
    expect((await build({ "apps/kustomization.yaml": "unknown: {}\nnamePrefix: [1]" })).closure?.files).toBe(1);
  });
});
