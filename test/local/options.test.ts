import { describe, expect, it } from "vitest";

import { standardFaults } from "../../local/faults.ts";
import { parseStartOptions } from "../../local/options.ts";

describe("parseStartOptions", () => {
  it("takes a seed for the usual faults", () => {
    expect(parseStartOptions(["--faults", "7"]).faults).toEqual(standardFaults(7));
  });

  it("takes a mix of faults", () => {
    expect(parseStartOptions(["--faults", "seed=7,kill=0.1"]).faults).toEqual({ seed: 7, kill: 0.1 });
  });

  it("has no faults unless told so", () => {
    expect(parseStartOptions([])).toMatchObject({ takeOver: false });
    expect(parseStartOptions(["--take-over"])).toMatchObject({ takeOver: true });
    expect(parseStartOptions([]).faults).toBeUndefined();
  });
});
