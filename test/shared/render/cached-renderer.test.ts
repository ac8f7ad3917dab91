import { describe, expect, it } from "vitest";

import type { BuildRequest } from "../../../shared/kustomize/ports.ts";
import type { Builder, StoredRemote } from "../../../shared/render/builder.ts";
import { createCachedRenderer } from "../../../shared/render/cached-renderer.ts";
import type { KustomizationOverlay, RemoteNeed } from "../../../shared/render/protocol.ts";
import { ReconcileError } from "../../../shared/runtime/reconcile-error.ts";
import { createMemoryBlobs } from "../../engine/memory-blobs.ts";

const warnings = [{ reason: "UnknownField", message: "a field" }] as const;
const artifact = {
  revision: "main@sha1:one",
  digest: "sha256:one",
  blobKey: "artifacts/one.tar.gz",
  sourceKey: "one/source.toolkit.fluxcd.io/GitRepository/flux-system/flux-system",
};

/** @param graph which content each place has, and which places it refers to; `root` is the artifact */
async function aWorld(graph: Record<string, { content: string; refers: readonly string[] }> = {}) {
  const blobs = createMemoryBlobs();
  await blobs.put(artifact.blobKey, Buffer.from("archive"), "application/gzip");
  const built: BuildRequest[] = [];
  const asked: string[] = [];
  const builder: Builder = {
    build: async ({ remotes = [], ...request }) => {
      built.push(request);
      const have = new Map(remotes.map((remote) => [remote.url, remote.digest]));
      const needs: RemoteNeed[] = [];
      const reached = new Set<string>();
      for (const open = ["root"]; open.length > 0;) {
        for (const url of graph[open.pop() ?? ""]?.refers ?? []) {
          if (reached.has(url)) continue;
          reached.add(url);
          if (have.has(url)) open.push(url);
          else needs.push({ url, as: "resource" });
        }
      }
      if (needs.length > 0) return { kind: "needs", needs };
      const yaml = `a: ${[...reached].map((url) => have.get(url)).join(",")}\n`;
      return {
        kind: "built",
        yaml,
        closure: `sha256:closure ${yaml}`,
        digest: `sha256:${yaml.length}-${yaml}`,
        warnings,
      };
    },
  };
  const resolve = async (need: RemoteNeed): Promise<StoredRemote> => {
    asked.push(need.url);
    const found = graph[need.url];
    if (!found) throw new ReconcileError("retry", "BuildFailed", `nothing at ${need.url}`);
    const blobKey = `bases/${found.content}`;
    return { ...need, kind: "file", path: "", digest: found.content, blobKey, pinned: need.url.endsWith("!") };
  };
  const renderer = createCachedRenderer({
    builder,
    blobs,
    remoteBases: { resolve },
    trigger: async () => undefined,
  });
  const build = (overlay: KustomizationOverlay, more: Partial<BuildRequest> = {}) =>
    renderer.build({ artifact, path: "apps", overlay, ...more });
  return { built, build, asked };
}

describe("createCachedRenderer", () => {
  it("builds the same artifact, path and spec once", async () => {
    const { built, build } = await aWorld();
    const first = await build({ namePrefix: "a-" });
    expect(await build({ namePrefix: "a-" })).toEqual(first);
    expect(built).toHaveLength(1);
  });

  it.each<[string, KustomizationOverlay]>([
    ["targetNamespace", { targetNamespace: "team" }],
    ["namePrefix", { namePrefix: "a-" }],
    ["nameSuffix", { nameSuffix: "-a" }],
    ["patches", { patches: [{ patch: "{}" }] }],
    ["components", { components: ["../c"] }],
    ["ignoreMissingComponents", { ignoreMissingComponents: true }],
    ["images", { images: [{ name: "web", newTag: "2" }] }],
    ["buildMetadata", { buildMetadata: [] }],
  ])("builds again when %s of the spec differs", async (_, overlay) => {
    const { built, build } = await aWorld();
    await build({});
    await build(overlay);
    expect(built.map((request) => request.overlay)).toEqual([{}, overlay]);
  });
});

describe("createCachedRenderer with remote bases", () => {
  const chain = () => ({
    root: { content: "", refers: ["https://one"] },
    "https://one": { content: "1", refers: ["https://two"] },
    "https://two": { content: "2", refers: [] as string[] },
  });

  it("fetches what the build needs, and what that needs", async () => {
    const { built, build } = await aWorld(chain());
    expect(await build({})).toMatchObject({ yaml: "a: 1,2\n", moving: true });
    expect(built).toHaveLength(3);
  });

  it("asks every place again, once, and builds nothing while they are the same", async () => {
    const { built, build, asked } = await aWorld(chain());
    const first = await build({});
    built.splice(0);
    asked.splice(0);

    expect(await build({})).toEqual(first);
    expect(built).toEqual([]);
    expect(asked).toEqual(["https://one", "https://two"]);
  });

  it("says that the closure is unchanged", async () => {
    const { build } = await aWorld(chain());
    const { closure } = await build({});
    expect(await build({}, { knownClosure: closure })).toEqual({ kind: "unchanged", closure, moving: true });
  });

  it("builds again when one of them moved", async () => {
    const graph = chain();
    const { build } = await aWorld(graph);
    const { closure } = await build({});
    graph["https://two"].content = "3";
    expect(await build({}, { knownClosure: closure })).toMatchObject({ kind: "built", yaml: "a: 1,3\n" });
  });

  it("forgets a place that is gone when nothing refers to it any more", async () => {
    const graph: Record<string, { content: string; refers: readonly string[] }> = chain();
    const { build } = await aWorld(graph);
    await build({});
    graph["https://one"] = { content: "4", refers: [] };
    delete graph["https://two"];
    expect(await build({})).toMatchObject({ yaml: "a: 4\n" });
  });

  it("knows what does not move", async () => {
    const pinned = { root: { content: "", refers: ["x!"] }, "x!": { content: "1", refers: [] } };
    expect(await (await aWorld(pinned)).build({})).toMatchObject({ moving: false });
  });

  it("ends a chain that goes on and on", async () => {
    const endless = Object.fromEntries(
      ["root", ...Array.from("abcdefghij")].map((name, at) => [
        name,
        { content: name, refers: ["abcdefghij"[at] ?? "a"] },
      ]),
    );
    await expect((await aWorld(endless)).build({})).rejects.toThrow(/more than 5 times over/);
  });

  it("refuses them where the cluster's settings do, also when the build is known", async () => {
    const { build } = await aWorld(chain());
    await build({});
    await expect(build({}, { noRemoteBases: true })).rejects.toThrow(
      "remote bases are not allowed by --no-remote-bases: https://one",
    );
  });
});
