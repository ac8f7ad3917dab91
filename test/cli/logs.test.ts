import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { logs, type LogsOptions } from "../../cli/commands/logs.ts";

const vectors = "../shared/vectors/flux-cli/testdata/logs";

async function printed(lines: readonly string[], options: Partial<LogsOptions> = {}): Promise<string> {
  const out: string[] = [];
  await logs(
    {
      lines: (async function* () {
        yield* lines;
      })(),
      out: (text) => out.push(text),
    },
    { namespace: "flux-system", ...options },
  );
  return out.join("");
}

const ours = JSON.stringify({
  at: "2026-01-01T10:00:00.000Z",
  event: "reconciled",
  kind: "Kustomization",
  namespace: "apps",
  name: "web",
  reason: "ReconciliationSucceeded",
});

describe("logs", () => {
  it("prints the engine's lines in Flux's form", async () => {
    expect(await printed([ours, "no JSON", "[]"], { namespace: "apps" })).toBe(
      "2026-01-01T10:00:00.000Z info Kustomization/web.apps - reconciled: ReconciliationSucceeded \n",
    );
  });

  it.each([
    ["another namespace", {}],
    ["another kind", { allNamespaces: true, kind: "GitRepository" }],
    ["another name", { allNamespaces: true, name: "db" }],
    ["another level", { allNamespaces: true, level: "error" }],
    ["a later time", { allNamespaces: true, since: Date.parse("2026-01-01T10:00:01Z") }],
  ] as const)("leaves out lines of %s", async (_, options) => {
    expect(await printed([ours], options)).toBe("");
  });

  it("keeps the newest lines", async () => {
    const lines = ["a", "b", "c"].map((name) => JSON.stringify({ at: "t", event: name, namespace: "flux-system" }));

    expect(await printed(lines, { tail: 2 })).toBe("t info  - b \nt info  - c \n");
  });

  it.skipIf(!existsSync(vectors)).each([
    ["all-logs.txt", { allNamespaces: true }],
    ["namespace.txt", { namespace: "default" }],
    ["kind.txt", { kind: "Kustomization" }],
    ["log-level.txt", { level: "error" }],
    ["multiple-filters.txt", { kind: "kustomization", level: "error", name: "podinfo" }],
  ] as const)("prints %s as Flux does", async (file, options) => {
    const lines = readFileSync(`${vectors}/input.txt`, "utf8").split("\n");

    const expected = readFileSync(`${vectors}/${file}`, "utf8");
    expect((await printed(lines, options)).split("\n").sort()).toEqual(expected.split("\n").sort());
  });
});
