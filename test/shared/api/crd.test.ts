import { describe, expect, it } from "vitest";

import { customResourceDefinitions } from "../../../shared/api/crd.ts";
import { realCrd } from "./real-crds.ts";

type Json = Record<string, unknown>;

const own = (name: string) => customResourceDefinitions().find(({ metadata }) => metadata.name === name)?.spec;

/** Descriptions are our own words; everything else must be the same. */
function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, field]) => name !== "description" || typeof field !== "string")
      .map(([name, field]) => [name, withoutDescriptions(field)]),
  );
}

const real = {
  gitRepository: (await realCrd("source-controller", "v1.10.1", "source.toolkit.fluxcd.io_gitrepositories.yaml")) as
    Json | undefined,
  kustomization: (await realCrd(
    "kustomize-controller",
    "v1.10.1",
    "kustomize.toolkit.fluxcd.io_kustomizations.yaml",
  )) as Json | undefined,
};

describe("customResourceDefinitions", () => {
  it.skipIf(!real.gitRepository)("defines GitRepository field by field as source-controller 1.10.1 does", () => {
    expect(withoutDescriptions(own("gitrepositories.source.toolkit.fluxcd.io"))).toEqual(
      withoutDescriptions(real.gitRepository?.spec),
    );
  });

  it.skipIf(!real.kustomization)("defines Kustomization field by field as kustomize-controller 1.10.1 does", () => {
    expect(withoutDescriptions(own("kustomizations.kustomize.toolkit.fluxcd.io"))).toEqual(
      withoutDescriptions(real.kustomization?.spec),
    );
  });

  it("gives every field of spec and status a description for kubectl explain", () => {
    for (const definition of customResourceDefinitions()) expect(undescribed(definition.spec, "")).toEqual([]);
  });

  it("labels the definitions as part of Flux and exempts them from substitution", () => {
    for (const { metadata } of customResourceDefinitions()) {
      expect(metadata.labels).toMatchObject({ "app.kubernetes.io/part-of": "flux" });
      expect(metadata.annotations).toEqual({ "kustomize.toolkit.fluxcd.io/substitute": "disabled" });
    }
  });
});

function undescribed(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Json).flatMap(([name, field]) => [
    ...(name === "properties"
      ? Object.entries(field as Record<string, Json>)
          .filter(([property, schema]) => !schema.description && !["metadata", "conditions"].includes(property))
          .map(([property]) => `${path}.${property}`)
      : []),
    ...undescribed(field, `${path}.${name}`),
  ]);
}
