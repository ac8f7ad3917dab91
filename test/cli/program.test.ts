import { describe, expect, it } from "vitest";

import type { LogsOptions } from "../../cli/commands/logs.ts";
import { selectClusters } from "../../cli/connect.ts";
import { createProgram } from "../../cli/program.ts";
import type { ConnectionOptions } from "../../cli/program-ports.ts";
import { parseRunFile } from "../../cli/run-file.ts";
import { aGitRepository, aKustomization, aWorld, playEngine, programPorts } from "./world.ts";

function aProgram(environment: Record<string, string> = {}) {
  const world = aWorld([aGitRepository(), aKustomization()]);
  playEngine(world.cluster);
  const connections: ConnectionOptions[] = [];
  const logged: LogsOptions[] = [];
  const program = createProgram(
    {
      ...programPorts(world),
      now: () => 1_000_000,
      connect: async (options) => {
        connections.push(options);
        return world.ports;
      },
      logs: async (options) => void logged.push(options),
    },
    environment,
  );
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  return { world, connections, logged, run: (line: string) => program.parseAsync(line.split(" "), { from: "user" }) };
}

describe("the command line", () => {
  it.each([
    "get kustomizations",
    "get kustomization",
    "get ks apps",
    "get sources git",
    "get source git fleet",
    "get all -A",
    "get sources all",
    "reconcile kustomization apps --with-source",
    "reconcile ks apps",
    "reconcile source git fleet",
    "suspend kustomization apps",
    "suspend ks --all",
    "suspend source git fleet",
    "events --for Kustomization/apps",
    "uninstall --dry-run",
    "get ks -n flux-system --no-header",
    "-n flux-system get ks",
  ])("understands %s", async (line) => {
    const { run, world } = aProgram();

    await run(line);

    expect(world.stdout() + world.stderr()).not.toBe("");
  });

  it("takes the namespace from Flux's variable, and from the flag first", async () => {
    const { run } = aProgram({ FLUX_SYSTEM_NAMESPACE: "infra" });

    await expect(run("get ks")).rejects.toThrow('no Kustomization objects found in "infra" namespace');
    await expect(run("get ks -n other")).rejects.toThrow('in "other" namespace');
  });

  it("hands the flags of the connection on", async () => {
    const { run, connections } = aProgram();

    await run("get ks --fleet f.json --cluster a --cluster b --context c --kubeconfig k");

    expect(connections).toEqual([
      expect.objectContaining({ fleet: "f.json", cluster: ["a", "b"], context: "c", kubeconfig: "k" }),
    ]);
  });

  it("gives up after the time that was given", async () => {
    const { run, world } = aProgram();
    world.cluster.onWrite = () => undefined;

    await expect(run("reconcile ks apps --timeout 1m30s")).rejects.toThrow("is not ready after 90s");
  });

  it.each([
    ["reconcile kustomization", "Kustomization name is required"],
    ["suspend source git", "source git name is required"],
    ["resume ks", "kustomization name is required"],
    ["get ks --timeout soon", "expected a duration such as 30s or 5m"],
    [
      "get ks --status-selector Ready",
      "expected status selector in type=status or type!=status format, but found: Ready",
    ],
    ["get ks -w", "--watch is not supported: run the command again, or watch with kubectl get --watch"],
    ["events --watch", "--watch is not supported"],
    ["logs --since 1m --since-time 2026-01-01T10:00:00Z", "at most one of --since and --since-time may be given"],
  ])("refuses %s", async (line, message) => {
    await expect(aProgram().run(line)).rejects.toThrow(message);
  });

  it("counts the age of log lines back from now", async () => {
    const { run, logged } = aProgram();

    await run("logs --since 10s --kind Kustomization --tail 5 -A");

    expect(logged).toEqual([
      expect.objectContaining({ since: 990_000, kind: "Kustomization", tail: 5, allNamespaces: true }),
    ]);
  });
});

describe("selectClusters", () => {
  const clusters = ["a", "b"].map((name) => ({ name, arn: "" }));

  it("takes all, or those that were named", () => {
    expect(selectClusters(clusters, []).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(selectClusters(clusters, ["b"]).map(({ name }) => name)).toEqual(["b"]);
  });

  it("names what the fleet has when it lacks one", () => {
    expect(() => selectClusters(clusters, ["c"])).toThrow('no cluster "c" in the fleet, it has a, b');
  });
});

describe("parseRunFile", () => {
  it("reads where the local engine is", () => {
    const text = JSON.stringify({
      kubeconfig: "/k",
      gatewayUrl: "http://127.0.0.1:4566",
      environment: { DRIFTLESS_TABLE: "t", PORT: 1 },
    });

    expect(parseRunFile(text)).toEqual({
      kubeconfig: "/k",
      cluster: "local",
      environment: { AWS_ENDPOINT_URL: "http://127.0.0.1:4566", DRIFTLESS_TABLE: "t" },
    });
  });

  it.each(["", "[]", "{}"])("takes %j for absent", (text) => {
    expect(parseRunFile(text)).toBeUndefined();
  });
});
