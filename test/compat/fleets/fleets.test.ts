import { describe, expect, it } from "vitest";

import { stubDefinitions } from "./definitions.ts";
import { changeDocuments } from "./documents.ts";
import { placeFleets } from "./fleets.ts";
import { readGeneratedArtifacts } from "./generated-artifacts.ts";
import { withoutChance } from "./without-chance.ts";

describe("placeFleets", () => {
  it("finds none where there are none", () => {
    expect(placeFleets("test/compat/no-such-folder")).toEqual([]);
  });
});

describe("changeDocuments", () => {
  it("leaves a text that needs no change, or is no YAML, to the byte", () => {
    const texts = ["a:   1 # one\n---\nb: 2\n", "{{ if .Values.a }}\na: [\n"];
    expect(texts.map((text) => changeDocuments(text, () => false))).toEqual(texts);
  });

  it("changes one of several documents", () => {
    const changed = changeDocuments("a: 1\n---\nb: ${VAR}\n", (document) => {
      document.setIn(["c"], true);
      return document.has("a");
    });
    expect(changed).toContain("a: 1\nc: true\n---\nb: ${VAR}\n");
  });
});

describe("stubDefinitions", () => {
  it("makes one definition of a kind in several versions, in the scope that its project gives it", () => {
    const kinds = ["v1beta1", "v1"].map((version) => ({ group: "a.example.org", version, kind: "ClusterPolicy" }));
    expect(stubDefinitions(kinds)).toMatchObject([
      {
        metadata: { name: "clusterpolicies.a.example.org" },
        spec: { scope: "Cluster", versions: [{ name: "v1" }, { name: "v1beta1" }] },
      },
    ]);
  });
});

describe("readGeneratedArtifacts", () => {
  it("says which folder an artifact's folder is a copy of", () => {
    const generator = `kind: ArtifactGenerator
spec:
  artifacts:
    - name: apps
      copy: [{ from: "@repo/apps/base/**", to: "@artifact/base/" }]
`;
    const files = { "a.yaml": generator, "apps/base/web/x.yaml": "" };
    const found = readGeneratedArtifacts(files, (path) => path.endsWith(".yaml"));

    expect(Object.fromEntries(found)).toEqual({ "apps/base": "apps/base", "apps/base/web": "apps/base/web" });
  });
});

describe("withoutChance", () => {
  it("leaves out how often it ran and which of several was refused, and no more", () => {
    const tree = (message: string, totalReconciliations: number) => ({
      kind: "Kustomization",
      metadata: {},
      status: { history: [{ digest: "d", totalReconciliations }], conditions: { Ready: { status: "False", message } } },
    });
    const seen = (message: string, count: number) =>
      withoutChance({ objects: new Map([["a", tree(message, count)]]), events: [] });

    expect(seen("Secret/a namespace not specified: x", 1)).toEqual(seen("Deployment/b namespace not specified: x", 2));
    expect(seen("Secret/a is invalid", 1)).not.toEqual(seen("Deployment/b is invalid", 1));
  });
});
