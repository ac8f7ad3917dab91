/** What a hostile repository can try: every attempt is refused by name, or finds nothing. */
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";

import type { RemoteNeed } from "../../../shared/render/protocol.ts";
import { render, type RenderInput, type RenderTools } from "../../../shared/render/render.ts";
import { artifactOf, type Files, renderTools, type SpecialEntry, temporaryDirectory } from "./tools.ts";

const scratch = temporaryDirectory();
const tools: RenderTools = await renderTools(scratch);

const configMap = (name: string, extra = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${extra}`;

const build = async (files: Files, options: Partial<RenderInput> = {}, special: readonly SpecialEntry[] = []) =>
  render({ ...(await artifactOf(files, special)), path: "./apps", ...options }, tools);

const UP = "../../../../../../../..";
const plugin = (kind: string, fields: string): string =>
  `apiVersion: builtin\nkind: ${kind}\nmetadata:\n  name: x\n${fields}\n`;
const indented = (text: string): string => text.trimEnd().replaceAll("\n", "\n    ");
const inline = (field: string, text: string): string => `${field}:\n  - |\n    ${indented(text)}\n`;

/** Ten levels of ten aliases each: ten thousand million nodes. */
const bomb = [
  configMap("bomb", "data: {}\nx:\n  l0: &l0 [a, a, a, a, a, a, a, a, a, a]"),
  ...Array.from({ length: 9 }, (_, n) => `  l${n + 1}: &l${n + 1} [${Array(10).fill(`*l${n}`).join(", ")}]`),
].join("\n");

describe("render fetches nothing itself, but asks for", () => {
  it.each<[string, string, RemoteNeed]>([
    ["an http base", "resources: [http://127.0.0.1/a.yaml]", { url: "http://127.0.0.1/a.yaml", as: "resource" }],
    ["a scheme in any case", "resources: ['HTTPS://e.com/a.yaml']", { url: "HTTPS://e.com/a.yaml", as: "resource" }],
    ["a scheme without slashes", "resources: ['http:e.com/a']", { url: "http:e.com/a", as: "resource" }],
    ["a git base", "resources: ['git::https://e.com/o/r']", { url: "git::https://e.com/o/r", as: "resource" }],
    [
      "a GitHub shorthand",
      "resources: [github.com/o/r//d?ref=v1]",
      { url: "github.com/o/r//d?ref=v1", as: "resource" },
    ],
    ["an ssh base", "bases: ['git@e.com:o/r.git']", { url: "git@e.com:o/r.git", as: "resource" }],
    ["a file URL", "components: ['file:///etc']", { url: "file:///etc", as: "directory" }],
    ["a remote patch", "patches: [{path: 'https://e.com/p.yaml'}]", { url: "https://e.com/p.yaml", as: "file" }],
    ["a remote schema", "openapi: {path: 'https://e.com/s.json'}", { url: "https://e.com/s.json", as: "file" }],
    [
      "a remote generator file",
      "configMapGenerator: [{name: a, files: ['k=https://e.com/x']}]",
      { url: "https://e.com/x", as: "file" },
    ],
    ["a nested remote base", "resources: [nested]", { url: "https://e.com/nested", as: "resource" }],
  ])("%s", async (_, kustomization, need) => {
    const nested = "resources: ['https://e.com/nested']";

    const result = await build({ "apps/kustomization.yaml": kustomization, "apps/nested/kustomization.yml": nested });

    expect(result).toEqual({ kind: "needs", needs: [need] });
  });
});

describe("render refuses", () => {
  it.each<[string, string, RegExp]>([
    [
      "a remote plugin configuration",
      "generators: ['https://user:hunter2@example.com/generator.yaml']",
      /^generators in apps\/kustomization.yaml must be local: https:\/\/example.com\/generator.yaml$/,
    ],
    [
      "a remote file of a plugin",
      inline("generators", plugin("ConfigMapGenerator", "files: ['https://example.com/x']")),
      /files in apps\/kustomization.yaml must be local/,
    ],
    [
      "an absolute path",
      "resources: [/etc/passwd]",
      /resources in apps\/kustomization.yaml refers to the absolute path "\/etc\/passwd"/,
    ],
    ["a directory above the root", `resources: [${UP}/etc]`, /outside of the artifact/],
    ["the parent's environment", "configMapGenerator: [{name: a, files: [/proc/self/environ]}]", /absolute path/],
    [
      "the environment by way of the root",
      `configMapGenerator: [{name: a, files: [e=${UP}/proc/self/environ]}]`,
      /outside of the artifact/,
    ],
    ["an env file outside", `secretGenerator: [{name: a, envs: [${UP}/proc/self/environ]}]`, /outside/],
    ["the old env field", `secretGenerator: [{name: a, env: ${UP}/etc/passwd}]`, /outside/],
    ["a patch outside", `patches: [{path: ${UP}/etc/passwd}]`, /outside/],
    [
      "an old JSON patch outside",
      `patchesJson6902: [{target: {version: v1, kind: ConfigMap, name: a}, path: ${UP}/x}]`,
      /outside/,
    ],
    ["a strategic merge patch outside", `patchesStrategicMerge: [${UP}/x]`, /outside/],
    ["a path that looks like a patch", `patchesStrategicMerge: ['a: /${UP}/../proc/self/environ']`, /outside/],
    ["a replacement outside", `replacements: [{path: ${UP}/x}]`, /outside/],
    ["crds outside", `crds: [${UP}/x]`, /outside/],
    ["configurations outside", `configurations: [${UP}/x]`, /outside/],
    ["a schema outside", `openapi: {path: ${UP}/x}`, /outside/],
    ["a field in another case", `RESOURCES: [${UP}/etc]`, /outside/],
    ["a field with a folding letter", `re\u017fource\u017f: [${UP}/etc]`, /outside/],
    ["an inner field in another case", `configMapGenerator: [{name: a, Files: [${UP}/etc/passwd]}]`, /outside/],
    ["two spellings of a field", "resources: []\nResources: []", /twice in different spellings/],
    ["the last of two equal keys", `resources: []\nresources: [${UP}/etc]`, /outside/],
    ["a merged key", `x: &x {path: ${UP}/etc}\npatches: [{<<: *x}]`, /outside/],
    [
      "an inline generator outside",
      inline("generators", plugin("ConfigMapGenerator", `files: [${UP}/etc/passwd]`)),
      /outside/,
    ],
    [
      "an inline generator in a list",
      inline(
        "generators",
        `apiVersion: v1\nkind: List\nitems:\n  - apiVersion: builtin\n    kind: SecretGenerator\n    metadata: {name: x}\n    envs: [${UP}/x]`,
      ),
      /outside/,
    ],
    ["an inline transformer outside", inline("transformers", plugin("PatchTransformer", `path: ${UP}/x`)), /outside/],
    [
      "an inline replacement outside",
      inline("transformers", plugin("ReplacementTransformer", `replacements: [{path: ${UP}/x}]`)),
      /outside/,
    ],
    [
      "an inline validator outside",
      inline("validators", plugin("ValueAddTransformer", `targetFilePath: ${UP}/x`)),
      /outside/,
    ],
    ["a generator's file outside", "generators: [generator.yaml]", /outside/],
    ["a generator's directory that patches", "generators: [patching]", /may only have resources, not patches/],
    ["helm charts", "helmCharts: [{name: nginx, repo: 'https://example.com'}]", /uses helmCharts/],
    [
      "the helm plugin",
      inline("generators", plugin("HelmChartInflationGenerator", "name: x")),
      /uses HelmChartInflationGenerator/,
    ],
    [
      "a missing file",
      "resources: [gone.yaml]",
      /"gone.yaml": apps\/gone.yaml is missing from the artifact, .* symbolic link/,
    ],
    ["a symbolic link", "resources: [link.yaml]", /symbolic link/],
    ["what lies behind a linked directory", "resources: [linked]", /symbolic link/],
    ["an alias bomb in a manifest", "resources: [bomb.yaml]", /apps\/bomb.yaml cannot be built: its aliases expand/],
    [
      "an alias bomb in an inline patch",
      `patches:\n  - patch: |\n      ${bomb.replaceAll("\n", "\n      ")}`,
      /aliases expand/,
    ],
    ["an alias bomb in the kustomization", bomb, /aliases expand/],
    ["an alias bomb in an inline generator", inline("generators", bomb), /aliases expand|missing from the artifact/],
    ["an alias that contains itself", "resources: &a [*a]", /no anchor before it/],
    ["a large file", "resources: [large.yaml]", /apps\/large.yaml has \d+ bytes: a build reads at most/],
  ])("%s", async (_, kustomization, message) => {
    const files: Files = {
      "apps/kustomization.yaml": kustomization,
      "apps/generator.yaml": plugin("ConfigMapGenerator", `files: [${UP}/etc/passwd]`),
      "apps/patching/kustomization.yaml": "resources: [g.yaml]\npatches: [{patch: x}]",
      "apps/patching/g.yaml": plugin("ConfigMapGenerator", "literals: [a=b]"),
      "apps/bomb.yaml": bomb,
      "apps/large.yaml": kustomization.includes("large.yaml") ? Buffer.alloc(20 * 1024 ** 2, "#") : "",
    };
    const links: readonly SpecialEntry[] = [
      { name: "apps/link.yaml", type: "symlink", linkname: "/proc/self/environ" },
      { name: "apps/linked", type: "symlink", linkname: "/etc" },
    ];

    const result = await build(files, {}, links);

    expect(result).toMatchObject({ kind: "failed", reason: "BuildFailed" });
    expect(result.kind === "failed" && result.message).toMatch(message);
    expect(JSON.stringify(result)).not.toContain("hunter2");
  });

  it.each<[string, SpecialEntry, RegExp]>([
    ["a name with ..", { name: "../evil.yaml", type: "file" }, /leaves it/],
    ["an absolute name", { name: "/etc/evil.yaml", type: "file" }, /leaves it/],
    ["a deep name", { name: `${"d/".repeat(80)}x.yaml`, type: "file" }, /more than 64 directories/],
  ])("an archive with %s", async (_, entry, message) => {
    const result = await build({}, {}, [entry]);

    expect(result).toMatchObject({
      kind: "failed",
      reason: "ArtifactFailed",
      message: expect.stringMatching(message) as string,
    });
  });

  it("an archive that unpacks to too much, or to too many files", async () => {
    const files = { "apps/a.yaml": Buffer.alloc(2_000_000), "apps/b.yaml": "", "apps/c.yaml": "" };

    expect(await build(files, { limits: { unpackedBytes: 1_000_000 } })).toMatchObject({ reason: "ArtifactFailed" });
    expect(await build(files, { limits: { entries: 2 } })).toMatchObject({
      message: "artifact has more than 2 entries",
    });
  });

  it("an archive with another digest", async () => {
    const result = await build({}, { artifactDigest: "sha256:00" });

    expect(result).toMatchObject({
      kind: "failed",
      reason: "ArtifactFailed",
      message: expect.stringContaining("failed to verify archive") as string,
    });
  });

  it("a build that takes too long", async () => {
    const result = await build({ "apps/a.yaml": configMap("a") }, { limits: { buildMillis: 1 } });

    expect(result).toMatchObject({ kind: "failed", message: "kustomize build failed: it took longer than 0.001 s" });
  });

  it("a build that prints too much", async () => {
    const result = await build({ "apps/a.yaml": configMap("a") }, { limits: { outputBytes: 10 } });

    expect(result).toMatchObject({
      kind: "failed",
      message: "kustomize build failed: its output is larger than 10 bytes",
    });
  });
});

describe("render lets through", () => {
  it("a wildcard, an anchor and an ampersand", async () => {
    const data = "data:\n  a: &a '*'\n  b: *a\n  c: a && b\n";

    expect(await build({ "apps/a.yaml": configMap("a", data) })).toMatchObject({ kind: "built" });
  });

  it("no variable of its own environment", async () => {
    process.env.DRIFTLESS_TEST_SECRET = "leaked";
    const result = await build({
      "apps/kustomization.yaml": "configMapGenerator: [{name: a, envs: [names.env]}]",
      "apps/names.env": "DRIFTLESS_TEST_SECRET\nAWS_SECRET_ACCESS_KEY\n",
    });
    delete process.env.DRIFTLESS_TEST_SECRET;

    expect(result.kind).toBe("built");
    expect(result.kind === "built" && result.yaml.toString()).not.toContain("leaked");
  });

  it("nothing that it leaves behind", async () => {
    await build({ "apps/a.yaml": configMap("a") });
    await build({ "apps/kustomization.yaml": "resources: [gone.yaml]" });

    expect(existsSync(scratch) ? readdirSync(scratch).filter((name) => name.startsWith("render-")) : []).toEqual([]);
  });
});
