import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { kustomizeGateNames } from "../../../shared/config/compatibility.ts";
import {
  knownGates,
  looksLikeLockdown,
  meaningOf,
  settingFlags,
  takesNext,
} from "../../../shared/config/flux-flags.ts";

const bin = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "driftless-real", "bin");
const controllers = ["kustomize-controller", "source-controller"] as const;

interface RealFlag {
  readonly flag: string;
  readonly isBoolean: boolean;
}

/** Every flag of a real controller, as its help lists it: `--name type   text`. */
function realFlags(name: string): readonly RealFlag[] {
  const { stderr: help } = spawnSync(join(bin, name), ["--help"], { encoding: "utf8", env: {}, timeout: 20_000 });
  return [...help.matchAll(/^ +--(\S+)( \S+)? {2,}/gm)].map(([, flag = "", type]) => ({
    flag,
    isBoolean: type === undefined,
  }));
}

describe.each(controllers)("meaningOf the flags of %s", (name) => {
  const binary = join(bin, name);

  it.skipIf(!existsSync(binary))("knows each flag of the real one (skipped without its binary)", () => {
    const real = realFlags(name);

    expect(real.length).toBeGreaterThan(25);
    expect(real.filter(({ flag }) => meaningOf(name, flag) === undefined)).toEqual([]);
    expect(real.filter(({ flag, isBoolean }) => takesNext(name)(flag) === isBoolean)).toEqual([]);
  });

  it.skipIf(!existsSync(binary))(
    "makes settings of flags that it, or another version, has (skipped without its binary)",
    () => {
      const real = new Set(realFlags(name).map(({ flag }) => flag));

      const others = settingFlags[name].filter((flag) => !real.has(flag));

      const elsewhere = {
        "kustomize-controller": "override-manager-before-dry-run",
        "source-controller": "insecure-allow-http",
      };
      expect(others.filter((flag) => flag !== elsewhere[name])).toEqual([]);
    },
  );
});

describe("meaningOf", () => {
  it.each([
    ["kustomize-controller", "no-remote-bases", "setting"],
    ["kustomize-controller", "concurrent", "irrelevant"],
    ["source-controller", "no-cross-namespace-refs", "irrelevant"],
    ["helm-controller", "no-cross-namespace-refs", "irrelevant"],
    ["notification-controller", "receiverAddr", "irrelevant"],
    ["kustomize-controller", "spiffe-broker-id", "irrelevant"],
  ] as const)("says of %s that %s is %s", (name, flag, kind) => {
    expect(meaningOf(name, flag)?.kind).toBe(kind);
  });

  it("knows nothing of a flag that does not exist", () => {
    expect(meaningOf("kustomize-controller", "constructor")).toBeUndefined();
  });
});

describe("looksLikeLockdown", () => {
  it("holds for the lock-down flags that exist", () => {
    const lockdown = ["no-cross-namespace-refs", "no-remote-bases", "default-service-account", "insecure-allow-http"];

    expect(lockdown.filter((flag) => !looksLikeLockdown(flag))).toEqual([]);
  });

  it("does not hold for the pace of work", () => {
    expect(["concurrent", "kube-api-qps", "http-retry"].filter(looksLikeLockdown)).toEqual([]);
  });
});

describe("knownGates", () => {
  it("are, for kustomize-controller, those that have a default", () => {
    expect([...knownGates["kustomize-controller"]].sort()).toEqual([...kustomizeGateNames]);
  });
});
