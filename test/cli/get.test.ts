import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";

import { get, getAll, type GetOptions } from "../../cli/commands/get.ts";
import { findKind, fluxKinds } from "../../cli/kinds.ts";
import { CommandError } from "../../cli/ports.ts";
import { createProgram } from "../../cli/program.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { objectCluster } from "../fakes/object-cluster.ts";
import { aGitRepository, aKustomization, aWorld, programPorts } from "./world.ts";

const vectors = "../shared/vectors/flux-cli";
const kinds = { git: findKind("GitRepository")!, ks: findKind("Kustomization")! };
const inFluxSystem: GetOptions = { namespace: "flux-system" };

describe.skipIf(!existsSync(vectors))("get, as Flux's CLI prints it", () => {
  interface Case {
    readonly name: string;
    readonly command?: string;
    readonly objects: readonly string[];
    readonly golden?: string;
    readonly output?: string;
    readonly error?: string;
    readonly success?: boolean;
  }
  const fill = (text: string) => text.replaceAll("{{ .fluxns }}", "flux-system");
  const read = (file: string) => fill(readFileSync(`${vectors}/${file}`, "utf8"));
  const file = existsSync(vectors)
    ? (JSON.parse(read("cases.json")) as { readonly cases: readonly Case[] })
    : { cases: [] };
  const cases = file.cases.filter(({ command = "" }) => command.startsWith("get ") && !command.includes("--help"));

  it("has cases", () => {
    expect(cases.length).toBeGreaterThan(10);
  });

  it.each(cases.map((entry) => [fill(entry.command ?? ""), entry] as const))("%s", async (command, entry) => {
    const objects = entry.objects.flatMap((name) =>
      parseAllDocuments(read(name))
        .map((document) => document.toJSON() as KubeObject | null)
        .filter((object) => object !== null),
    );
    const world = aWorld(objects);
    const program = createProgram(programPorts(world), {});
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");

    const outcome = await program.parseAsync(words, { from: "user" }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );

    expect(outcome).toBe(entry.error === undefined ? undefined : fill(entry.error));
    if (entry.golden) expect(world.stdout()).toBe(read(entry.golden));
    if (entry.output !== undefined) expect(world.stdout()).toBe(entry.output);
  });
});

describe("get", () => {
  it("prints the columns of a Kustomization, with its source when asked", async () => {
    const world = aWorld([
      aKustomization("apps", { spec: { suspend: true, sourceRef: { kind: "GitRepository", name: "fleet" } } }),
    ]);

    await get(world.ports, kinds.ks, { ...inFluxSystem, showSource: true });

    expect(world.stdout()).toBe(
      [
        "NAME\tSOURCE                         \tREVISION          \tSUSPENDED\tREADY\tMESSAGE                              ",
        "apps\tGitRepository/flux-system/fleet\tmain@sha1:696f056d\tTrue     \tTrue \tApplied revision: main@sha1:696f056d\t",
        "",
      ].join("\n"),
    );
  });

  it("says what an object without conditions waits for", async () => {
    const world = aWorld([aKustomization("apps", { status: {} })]);

    await get(world.ports, kinds.ks, { ...inFluxSystem, header: false });

    expect(world.stdout()).toBe("apps\t\tFalse\tFalse\twaiting to be reconciled\t\n");
  });

  it("spreads a message of several lines over as many rows", async () => {
    const conditions = [{ type: "Ready", status: "False", reason: "BuildFailed", message: "one\nthree" }];
    const world = aWorld([aKustomization("a", { status: { conditions } })]);

    await get(world.ports, kinds.ks, { ...inFluxSystem, header: false });

    expect(world.stdout()).toBe("a\t\tFalse\tFalse\tone  \t\n \t\t     \t     \tthree\t\n");
  });

  it("shows the namespace with all namespaces", async () => {
    const world = aWorld([aGitRepository()]);

    await get(world.ports, kinds.git, { namespace: "other", allNamespaces: true });

    expect(world.stdout()).toMatch(/^NAMESPACE {2}\tNAME {1}\t.*\nflux-system\tfleet\t/);
  });

  it("leads with the cluster when there are several", async () => {
    const clusters = {
      production: objectCluster({ objects: [aGitRepository()] }),
      staging: objectCluster({ objects: [aGitRepository()] }),
    };
    const world = aWorld(clusters);

    await get(world.ports, kinds.git, inFluxSystem);

    expect(
      world
        .stdout()
        .split("\n")
        .map((line) => line.split("\t")[0]?.trim()),
    ).toEqual(["CLUSTER", "production", "staging", ""]);
  });

  it("prints what it can and fails when one cluster of several cannot be reached", async () => {
    const unreachable = objectCluster({
      onRequest: () => {
        throw new KubeError(0, "Unreachable", "connection refused");
      },
    });
    const world = aWorld({ production: objectCluster({ objects: [aGitRepository()] }), staging: unreachable });

    await expect(get(world.ports, kinds.git, inFluxSystem)).rejects.toThrow("1 of 2 clusters failed");

    expect(world.stdout()).toContain("production");
    expect(world.stderr()).toBe("✗ staging: connection refused\n");
  });

  it("prints a List without managed fields as JSON and as YAML", async () => {
    const source = aGitRepository();
    const managed = { ...source, metadata: { ...source.metadata, managedFields: [] } };
    const json = aWorld([managed]);
    const yaml = aWorld([managed]);

    await get(json.ports, kinds.git, { ...inFluxSystem, output: "json" });
    await get(yaml.ports, kinds.git, { ...inFluxSystem, output: "yaml" });

    const expected = { kind: "List", items: [{ kind: "GitRepository", spec: source.spec }] };
    expect(JSON.parse(json.stdout())).toMatchObject(expected);
    expect(parse(yaml.stdout())).toEqual(JSON.parse(json.stdout()));
    expect(json.stdout()).not.toContain("managedFields");
  });

  it("asks for a cluster when there is none", async () => {
    await expect(get(aWorld({}).ports, kinds.git, inFluxSystem)).rejects.toThrow(CommandError);
  });
});

describe("getAll", () => {
  it("prints a block for each kind that has objects, and passes over kinds that are not served", async () => {
    const cluster = objectCluster({ objects: [aGitRepository(), aKustomization()], unserved: ["HelmRelease"] });
    const world = aWorld({ only: cluster });

    await getAll(world.ports, fluxKinds, inFluxSystem);

    expect(
      world
        .stdout()
        .split("\n")
        .map((line) => line.split("\t")[0]?.trim()),
    ).toEqual(["NAME", "gitrepository/fleet", "", "NAME", "kustomization/apps", "", ""]);
  });
});
