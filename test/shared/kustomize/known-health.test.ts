import { describe, expect, it } from "vitest";

import { refOf } from "../../../shared/api/kube-object.ts";
import { createKnownHealth } from "../../../shared/kustomize/known-health.ts";
import { deployment, rolledOut } from "./kustomize-world.ts";

const web = (resourceVersion: string) => {
  const object = deployment("web");
  return { ...object, metadata: { ...object.metadata, resourceVersion }, status: rolledOut };
};
const statusAfter = (version: string) => {
  const known = createKnownHealth(() => undefined, Date.now);
  known.saw(web("106"));
  known.gone(refOf(web("")), version);
  return known.of(refOf(web("")))?.health.status;
};

describe("createKnownHealth", () => {
  it("takes the end of an earlier object of the name for no news of the later one", () => {
    expect(statusAfter("105")).toBe("Current");
  });

  it("knows that an object is gone, by its version or by a look", () => {
    expect(statusAfter("107")).toBe("NotFound");
    expect(statusAfter("")).toBe("NotFound");
  });
});
