import { describe, expect, it } from "vitest";

import { events, type EventsOptions } from "../../cli/commands/events.ts";
import { humanDuration } from "../../cli/human-duration.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { aKustomization, aWorld } from "./world.ts";

let count = 0;
const event = (kind: string, name: string, rest: Record<string, unknown> = {}): KubeObject => {
  count += 1;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `e${count}`, namespace: "flux-system" },
    involvedObject: { kind, name, namespace: "flux-system" },
    type: "Normal",
    reason: "Progressing",
    message: `${name} moved`,
    firstTimestamp: "2026-01-01T09:55:00Z",
    lastTimestamp: "2026-01-01T09:55:00Z",
    ...rest,
  };
};

async function rows(objects: readonly KubeObject[], options: Partial<EventsOptions> = {}) {
  const world = aWorld(objects);
  await events(world.ports, { namespace: "flux-system", ...options });
  const lines = world.stdout().split("\n").filter(Boolean);
  return lines.map((line) =>
    line
      .replace(/\t$/, "")
      .split("\t")
      .map((cell) => cell.trim()),
  );
}

describe("events", () => {
  it("prints events of Flux objects, oldest first", async () => {
    const found = await rows([
      event("Kustomization", "apps", { lastTimestamp: "2026-01-01T09:59:00Z", firstTimestamp: "2026-01-01T09:59:00Z" }),
      event("Pod", "web"),
      event("GitRepository", "fleet", { type: "Warning" }),
    ]);

    expect(found).toEqual([
      ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"],
      ["5m", "Warning", "Progressing", "GitRepository/fleet", "fleet moved"],
      ["60s", "Normal", "Progressing", "Kustomization/apps", "apps moved"],
    ]);
  });

  it("adds the events of the source, and the namespaces when they differ", async () => {
    const spec = { sourceRef: { kind: "GitRepository", name: "fleet", namespace: "sources" } };
    const found = await rows(
      [
        aKustomization("apps", { spec }),
        event("Kustomization", "apps"),
        event("Kustomization", "other"),
        event("GitRepository", "fleet", { metadata: { name: "s", namespace: "sources" } }),
      ],
      { for: "kustomization/apps" },
    );

    expect(found.slice(1).map(([namespace, , , , , message]) => `${namespace} ${message}`)).toEqual([
      "flux-system apps moved",
      "sources fleet moved",
    ]);
  });

  it("counts repeated events", async () => {
    const found = await rows([event("Kustomization", "apps", { count: 3, lastTimestamp: "2026-01-01T09:59:30Z" })]);

    expect(found[1]?.[0]).toBe("30s (x3 over 5m)");
  });

  it("filters by type", async () => {
    const found = await rows([event("Kustomization", "a"), event("Kustomization", "b", { type: "Warning" })], {
      types: ["warning"],
    });

    expect(found.slice(1).map((row) => row[3])).toEqual(["Kustomization/b"]);
  });

  it.each([
    [{ for: "Namespace/a" }, "'Namespace' is not a recognized Flux kind"],
    [{ for: "a/b/c" }, "--for selector must be of format <kind>[/<name>]"],
    [{ types: ["Info"] }, "type 'Info' not supported. Supported types are Normal, Warning"],
    [{ for: "Kustomization/none" }, "Kustomization object 'none' not found in \"flux-system\" namespace"],
  ])("refuses %j", async (options, message) => {
    await expect(rows([], options)).rejects.toThrow(message);
  });

  it("says when there is nothing", async () => {
    const world = aWorld([]);

    await events(world.ports, { namespace: "apps" });

    expect(world.stderr()).toBe("✗ No events found in apps namespace.\n");
  });
});

describe("humanDuration", () => {
  it.each([
    [-3, "<invalid>"],
    [-1, "0s"],
    [119, "119s"],
    [120, "2m"],
    [200, "3m20s"],
    [3600, "60m"],
    [3 * 3600, "3h"],
    [3 * 3600 + 60, "3h1m"],
    [9 * 3600 + 60, "9h"],
    [48 * 3600, "2d"],
    [51 * 3600, "2d3h"],
    [9 * 86400, "9d"],
    [3 * 365 * 86400, "3y"],
    [10 * 365 * 86400 + 86400, "10y"],
  ])("shows %i seconds as %s", (seconds, shown) => {
    expect(humanDuration(seconds * 1000)).toBe(shown);
  });
});
