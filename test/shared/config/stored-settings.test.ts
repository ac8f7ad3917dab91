import { describe, expect, it } from "vitest";

import { readFluxSettings } from "../../../shared/config/flux-settings.ts";
import { decodeFluxSettings, encodeFluxSettings } from "../../../shared/config/stored-settings.ts";
import { controller } from "./flux-deployments.ts";

const args = [
  "--override-manager=a",
  "--custom-apply-stage-kinds=a/B",
  "--watch-label-selector=a",
  "--turbo",
  "--deny-all",
];
const settings = readFluxSettings([
  controller("kustomize-controller", args),
  controller("source-controller", ["--ssh-kex-algos=a,b"]),
]);
const stored = encodeFluxSettings(settings);

/** The stored text after a change of its content. */
const changed = (change: (content: typeof settings) => unknown): string =>
  JSON.stringify({ v: 1, settings: change(structuredClone(settings)) });

describe("decodeFluxSettings", () => {
  it("inverts encodeFluxSettings", () => {
    expect(decodeFluxSettings(stored)).toEqual(settings);
    expect(decodeFluxSettings(changed((content) => content))).toEqual(settings);
  });

  it.each([
    ["nothing", undefined],
    ["no text", { v: 1, settings }],
    ["no JSON", stored.slice(1)],
    ["another version", stored.replace('"v":1', '"v":2')],
    ["no version", stored.replace('"v":1,', "")],
    ["no settings", '{"v":1}'],
    ["an unknown level", changed((content) => ({ ...content, compatibility: "2.7" }))],
    ["a field too few", changed(({ refused: _, ...content }) => content)],
    ["a field too many", changed((content) => ({ ...content, helm: {} }))],
    ["a field in place of another", changed(({ refused: _, ...content }) => ({ ...content, denied: [] }))],
    ["a gate too few", stored.replace('"GroupChangeLog":false,', "")],
    ["a value of another type", stored.replace('"noRemoteBases":false', '"noRemoteBases":"false"')],
    ["an entry of another type", changed((content) => ({ ...content, refused: [1] }))],
    ["no number", stored.replace('"requeueDependencySeconds":30', '"requeueDependencySeconds":null')],
    ["a list that is none", stored.replace('"overrideManagers":["a"]', '"overrideManagers":"a"')],
  ])("finds nothing in %s", (_, text) => {
    expect(text).not.toBe(stored);
    expect(decodeFluxSettings(text)).toBeUndefined();
  });
});
