import { describe, expect, it } from "vitest";

import { conclude } from "../../cli/conclude.ts";
import { withGoFlags } from "../../cli/go-flags.ts";
import { maskSops } from "../../cli/local-build/mask-sops.ts";
import { CommandError } from "../../cli/ports.ts";
import { compareNodes } from "../../cli/print/dyff/compare.ts";
import { printReport } from "../../cli/print/dyff/report.ts";
import { createProgram } from "../../cli/program.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { objectCluster } from "../fakes/object-cluster.ts";
import { aKustomization, aGitRepository, aWorld, programPorts, revision } from "./world.ts";

const labels = {
  "kustomize.toolkit.fluxcd.io/name": "apps",
  "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
};

const an = (apiVersion: string, kind: string, name: string, metadata: object = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: "web", ...metadata },
});

const owned = (kind: string, name: string) => ({ ownerReferences: [{ apiVersion: "apps/v1", kind, name, uid: "u" }] });

async function run(command: string, objects: readonly KubeObject[]) {
  const world = aWorld(objects);
  const program = createProgram(programPorts(world), {});
  const end = await program
    .parseAsync(withGoFlags(program, command.split(" ")), { from: "user" })
    .then(() => ({ exitCode: 0, text: "" }), conclude);
  return { stdout: world.stdout(), stderr: world.stderr() + end.text, exitCode: end.exitCode };
}

describe("trace", () => {
  const chain = [
    aKustomization(),
    aGitRepository(),
    an("v1", "Pod", "p", owned("ReplicaSet", "r")),
    an("apps/v1", "ReplicaSet", "r", owned("Deployment", "d")),
    an("apps/v1", "Deployment", "d", { labels }),
  ];

  it("follows the owners of an object up to the one that Flux applied", async () => {
    const { stdout } = await run("trace -n web po p", chain);

    expect(stdout).toContain("Object:          Pod/p\nNamespace:       web\nStatus:          Managed by Flux\n---\n");
    expect(stdout).toContain(
      `Kustomization:   apps\nNamespace:       flux-system\nPath:            \nRevision:        ${revision}\n`,
    );
  });

  it("tells of each object that it cannot trace, and goes on", async () => {
    const { stdout, stderr, exitCode } = await run("trace -n web cm/loose deploy/d", [
      ...chain,
      an("v1", "ConfigMap", "loose"),
    ]);

    expect(stderr).toBe("failed to trace ConfigMap/loose in namespace web: object not managed by Flux\n");
    expect(stdout).toContain("Object:          Deployment/d\n");
    expect(exitCode).toBe(0);
  });

  it("finds custom kinds by every name of their definition", async () => {
    const names = { kind: "Certificate", plural: "certificates", singular: "certificate", shortNames: ["cert"] };
    const definition: KubeObject = {
      ...an("apiextensions.k8s.io/v1", "CustomResourceDefinition", "certificates.example.com"),
      spec: { group: "example.com", names, versions: [{ name: "v1", served: true, storage: true }] },
    };
    const objects = [...chain, definition, an("example.com/v1", "Certificate", "c", { labels })];

    for (const name of ["certificate", "certificates", "cert", "certificates.example.com"])
      expect((await run(`trace -n web ${name} c`, objects)).stdout).toContain("Object:          Certificate/c\n");
  });

  it("says what else can be done for a kind that it does not know", async () => {
    expect((await run("trace ghost g", chain)).stderr).toBe(
      `✗ the server doesn't have a resource type "ghost"; a kind of another API is found with --kind and --api-version\n`,
    );
  });
});

describe("a verb that looks at one cluster", () => {
  it.each(["tree ks apps", "trace ns x", "export ks --all", "debug ks apps --show-status"])(
    "refuses two: %s",
    async (command) => {
      const world = aWorld({ a: objectCluster(), b: objectCluster() });

      await expect(
        createProgram(programPorts(world), {}).parseAsync(command.split(" "), { from: "user" }),
      ).rejects.toThrow("this command looks at one cluster: choose it with --cluster, the fleet has a, b");
    },
  );
});

describe("withGoFlags", () => {
  it("reads values of booleans and short flags as Go does", () => {
    const program = createProgram(programPorts(aWorld([])), {});
    const given = [
      "get",
      "ks",
      "-n=apps",
      "--all-namespaces=true",
      "--show-source=false",
      "--timeout=5m",
      "--",
      "--all=true",
    ];

    expect(withGoFlags(program, given)).toEqual([
      ...["get", "ks", "-n", "apps", "--all-namespaces", "--timeout=5m", "--", "--all=true"],
    ]);
  });
});

describe("conclude", () => {
  it("ends with Flux's exit codes", () => {
    expect(conclude(new CommandError("a", { exitCode: 2 }))).toEqual({ exitCode: 2, text: "✗ a\n" });
    expect(conclude(new CommandError("a", { severity: "warning" }))).toEqual({ exitCode: 1, text: "⚠️ a\n" });
    expect(conclude(new KubeError(404, "NotFound", "a"))).toEqual({ exitCode: 1, text: "✗ a\n" });
    expect(() => conclude(new TypeError("a"))).toThrow(TypeError);
  });
});

describe("maskSops", () => {
  it("refuses data that is no base64, without showing it", () => {
    const secret = { ...an("v1", "Secret", "s"), data: { a: "hunter2!" } };

    expect(() => maskSops(secret)).toThrow("failed to mask secret s sops data: illegal base64 data");
  });
});

describe("printReport", () => {
  const report = (from: unknown, to: unknown, columns = 80) => printReport(compareNodes(from, to), columns);

  it.each([
    ["a type", { a: 1 }, { a: "1" }, "\na\n± type change from int to string\n- 1\n+ 1\n\n"],
    ["the order of a list", { a: ["x", "y"] }, { a: ["y", "x"] }, "\na\n⇆ order changed\n- x, y\n+ y, x\n\n"],
    [
      "a list by content",
      { a: ["x", "y"] },
      { a: ["y", "z"] },
      "\na\n- one list entry removed:   + one list entry added:\n- x                           - z\n\n",
    ],
    [
      "an entry by its name",
      { a: [{ name: "x", v: 1 }] },
      { a: [{ name: "x", v: 2 }] },
      "\na.x.v\n± value change\n- 1\n+ 2\n\n",
    ],
    ["the root", { a: 1 }, { b: null, a: 1 }, "\n(root level)\n+ one map entry added:\n  b: null\n\n"],
    [
      "what a map gained and lost before what changed within",
      { a: { b: { c: 1 } } },
      { a: { b: { c: 2 }, z: 1 } },
      "\na\n+ one map entry added:\n  z: 1\n\na.b.c\n± value change\n- 1\n+ 2\n\n",
    ],
    ["nothing", { a: [] }, { a: [] }, "\n"],
  ])("shows %s", (_, from, to, expected) => {
    expect(report(from, to)).toBe(expected);
  });

  it("puts blocks below each other where the terminal is narrow", () => {
    expect(report({ a: { x: 1 } }, { a: { y: 1 } }, 30)).toBe(
      "\na\n- one map entry removed:\nx: 1\n\n+ one map entry added:\n  y: 1\n\n\n",
    );
  });
});
