import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseAnchoredGoRegExp } from "../../../shared/ssa/go-regexp.ts";
import { parseLabelSelector } from "../../../shared/ssa/label-selector.ts";
import { type ObjectSelector, parseObjectSelector } from "../../../shared/ssa/object-selector.ts";

describe("parseAnchoredGoRegExp", () => {
  it.each([
    ["web", "web", true],
    ["web", "web-2", false],
    ["web|api", "xapi", false],
    ["web-.*", "web-2", true],
    ["(?i)WEB", "web", true],
    ["(?P<kind>web)", "web", true],
    ["\\Aweb\\z", "web", true],
    ["\\Qa.b\\E+", "a.bb", true],
    ["\\Qa.b\\E", "axb", false],
    ["[[:lower:]-]+", "a-b", true],
    ["[[:upper:]]+", "a-b", false],
    ["a\\.b", "a.b", true],
  ])("%s on %s is %s", (pattern, text, expected) => {
    expect(parseAnchoredGoRegExp(pattern).test(text)).toBe(expected);
  });

  it.each(["(?=a)", "(?<!a)b", "(a)\\1", "(", "[[:nope:]]", "a**"])("refuses %s as Go does", (pattern) => {
    expect(() => parseAnchoredGoRegExp(pattern)).toThrow(/^error parsing regexp: /);
  });
});

describe("parseLabelSelector", () => {
  const labels = { app: "web", tier: "front", weight: "3", empty: "", "example.com/team": "a" };
  it.each([
    ["", true],
    ["app=web", true],
    ["app==web,tier = front", true],
    ["app=web,tier=back", false],
    ["app!=api", true],
    ["absent!=x", true],
    ["app in (api, web)", true],
    ["app notin (api,web)", false],
    ["absent notin (a)", true],
    ["app in(web),tier", true],
    ["app", true],
    ["!app", false],
    ["!absent", true],
    ["empty=", true],
    ["weight>2", true],
    ["weight<3", false],
    ["app>1", false],
    ["example.com/team=a", true],
  ])("%s is %s", (text, expected) => {
    expect(parseLabelSelector(text)(labels)).toBe(expected);
  });

  it.each(["a=b,", "a,,b", "a in b", "a in (b", "=b", "a>x", "a=b c", "-a", "a in (b c)"])("refuses %s", (text) => {
    expect(() => parseLabelSelector(text)).toThrow(/^unable to parse requirement '/);
  });
});

describe("parseObjectSelector", () => {
  const object: KubeObject = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "shop", labels: { app: "web" }, annotations: { scaled: "yes" } },
  };
  it.each<[ObjectSelector, boolean]>([
    [{}, true],
    [{ group: "apps", version: "v1", kind: "Deployment", name: "web", namespace: "shop" }, true],
    [{ group: "app" }, false],
    [{ version: "v.*" }, true],
    [{ kind: "deployment" }, false],
    [{ name: "w" }, false],
    [{ namespace: "" }, true],
    [{ namespace: "sho[^p]" }, false],
    [{ labelSelector: "app=web", annotationSelector: "scaled" }, true],
    [{ labelSelector: "scaled" }, false],
    [{ kind: "Deployment", annotationSelector: "app" }, false],
  ])("%j is %s", (selector, expected) => {
    expect(parseObjectSelector(selector)(object)).toBe(expected);
  });

  it("takes the core group as an empty one", () => {
    expect(parseObjectSelector({ group: ".+" })({ ...object, apiVersion: "v1" })).toBe(false);
  });

  it.each<[ObjectSelector, string]>([
    [{ name: "(" }, "invalid name regex: error parsing regexp: "],
    [{ labelSelector: "a b" }, "invalid label selector: unable to parse requirement 'a b'"],
    [{ annotationSelector: "a b" }, "invalid annotation selector: "],
  ])("refuses %j", (selector, message) => {
    expect(() => parseObjectSelector(selector)).toThrow(message);
  });
});
