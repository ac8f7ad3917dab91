import { describe, expect, it } from "vitest";

import { parseKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { changedFile, objectFiles } from "./content.ts";

describe("objectFiles", () => {
  it("is 70 % ConfigMaps and 10 % each of the others, no two of a name", () => {
    const objects = Object.values(objectFiles(1000, "x")).flatMap((text) => parseKubeYaml(text));

    const count = (kind: string) => objects.filter((object) => object.kind === kind).length;
    expect(["ConfigMap", "Service", "ServiceAccount", "Deployment"].map(count)).toEqual([700, 100, 100, 100]);
    expect(new Set(objects.map(({ metadata }) => metadata.name)).size).toBe(1000);
  });
});

describe("changedFile", () => {
  it("is one of the files, with other content", () => {
    const [[path, text] = ["", ""]] = Object.entries(changedFile("x", "2"));

    const before = objectFiles(10, "x")[path];
    expect(before).toContain('generation: "1"');
    expect(text).toBe(before?.replace('generation: "1"', 'generation: "2"'));
  });
});
