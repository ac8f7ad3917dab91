import { describe, expect, it } from "vitest";

import { createProgram } from "../../cli/program.ts";
import { heldMessage, planDigest } from "../../shared/kustomize/deletion-budget.ts";
import { objectCluster } from "../fakes/object-cluster.ts";
import { aKustomization, aWorld, programPorts, type World } from "./world.ts";

const uid = "uid-of-apps";
const entry = (name: string) => ({ id: `web_${name}__ConfigMap`, v: "v1" });
const held = [entry("b"), entry("c")];
const digest = planDigest(uid, held);
const message = heldMessage([], [], { digest, name: "apps", namespace: "flux-system" }).replace(/^0/u, "2");

function pending(entries: readonly object[] = [entry("a"), ...held], text = message) {
  const condition = { type: "PrunePending", status: "True", reason: "DeletionBudgetExceeded", message: text };
  const apps = aKustomization("apps", { status: { conditions: [condition], inventory: { entries } } });
  return { ...apps, metadata: { ...apps.metadata, uid } };
}

const run = (world: World, ...args: readonly string[]) =>
  createProgram(programPorts(world), {}).parseAsync(["approve", "kustomization", "apps", ...args], { from: "user" });
const annotations = (world: World) => world.cluster.objects().map(({ metadata }) => metadata.annotations);

describe("approve kustomization", () => {
  it("shows what would be deleted and approves exactly that", async () => {
    const questions: string[] = [];
    const world = aWorld([pending()], { confirm: async (question) => questions.push(question) > 0 });

    await run(world);

    expect(world.stdout()).toBe("ConfigMap/web/b\nConfigMap/web/c\n");
    expect(questions).toEqual(["Let these 2 objects be deleted from local"]);
    expect(annotations(world)).toEqual([
      { "driftless.dev/approve-prune": digest, "reconcile.fluxcd.io/requestedAt": "2026-01-01T10:00:00Z" },
    ]);
    expect(world.triggered).toEqual(["local/Kustomization/apps"]);
    expect(world.stderr()).toContain(`plan ${digest} approved, the next run deletes its 2 objects`);
  });

  it("does nothing when the person says no", async () => {
    const world = aWorld([pending()]);
    await expect(run(world)).rejects.toThrow("aborting");
    expect(world.cluster.writes).toEqual([]);
  });

  it("does not ask with --yes", async () => {
    const world = aWorld([pending()]);
    await run(world, "--yes");
    expect(world.cluster.writes).toEqual(["patch Kustomization/flux-system/apps"]);
  });

  it.each([
    ["an inventory that does not end with the plan", [...held, entry("a")], message, "does not end with plan"],
    [
      "what waits for another object",
      held,
      "the rest of the prune waits for Kustomization/apps/child",
      "nothing to approve here: the rest of the prune waits for Kustomization/apps/child",
    ],
  ])("refuses %s", async (_, entries, text, words) => {
    const world = aWorld([pending(entries, text)]);
    await expect(run(world, "--yes")).rejects.toThrow(words);
    expect(world.cluster.writes).toEqual([]);
  });

  it("passes over clusters where nothing waits, and fails when that is all of them", async () => {
    const [here, there] = [objectCluster({ objects: [pending()] }), objectCluster({ objects: [aKustomization()] })];
    await run(aWorld({ here, there }), "--yes");
    expect([here.writes.length, there.writes.length]).toEqual([1, 0]);
    await expect(run(aWorld([aKustomization()]), "--yes")).rejects.toThrow(
      "Kustomization/flux-system/apps has no prune that waits for approval",
    );
  });
});
