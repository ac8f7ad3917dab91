import { describe, expect, it } from "vitest";

import { emptyState } from "../../../shared/kustomize/applied-state.ts";
import { recheckedAs } from "../../../shared/kustomize/recheck.ts";

const object = { v: "v1", text: "t", uid: "u", rv: "7", live: "d" };
const state = { ...emptyState("server"), closure: "c", objects: { a: object } };

describe("recheckedAs", () => {
  it("leaves a state alone for which nobody asked", () => {
    expect(recheckedAs({}, state, 100_000)).toBe(state);
    expect(recheckedAs({ recheckAt: 90 }, { ...state, checkedAt: 90 }, 100_000)).toMatchObject({ closure: "c" });
  });

  it("takes nothing for proven once somebody asked, and remembers texts and incarnations", () => {
    const objects = { a: { ...object, rv: "", live: "" } };
    expect(recheckedAs({ recheckAt: 90 }, state, 100_000)).toEqual({ ...state, closure: "", checkedAt: 100, objects });
  });

  it("is done with a request that a clock of the future dated", () => {
    const row = { recheckAt: 900 };
    const done = recheckedAs(row, state, 100_000);
    expect(recheckedAs(row, done, 200_000)).toBe(done);
  });
});
