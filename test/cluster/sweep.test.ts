/**
 * The sweep on a real API server: every way in which an object can change under it is found and put right by one sweep, what
 * is no drift is left alone, and nothing that happens to the API server between two sweeps makes it blind.
 */
import { cpSync, rmSync } from "node:fs";
import { basename } from "node:path";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { customResourceDefinitions } from "../../shared/api/crd.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { refOf } from "../../shared/api/kube-object.ts";
import type { OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { formatKey, sweepKey } from "../../shared/lease/message.ts";
import { createGitRoot, type GitRoot, type GitServer, type Repository, startGitServer } from "../fakes/git-server.ts";
import { createRealEngine, type RealEngine } from "../real/engine.ts";
import { missingForCluster, type RealCluster, startRealCluster } from "../real/up.ts";
import { edits, harmless, wanted } from "./edits.ts";

const missing = missingForCluster();
if (missing) console.warn(`skipped: ${missing}`);

const cluster = "swept";
const namespace = "edited";
const flux = { namespace: "flux-system", name: "edited" };
const sourceKey = formatKey({ cluster, group: "source.toolkit.fluxcd.io", kind: "GitRepository", ...flux });
const gitRepository = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository" };
const kustomization = { apiVersion: "kustomize.toolkit.fluxcd.io/v1", kind: "Kustomization" };
const noise = (count: number): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "noise", namespace: "default" },
  data: { count: `${count}` },
});
const yamlOf = (objects: readonly KubeObject[]) => objects.map((object) => JSON.stringify(object)).join("\n---\n");

describe.skipIf(missing !== undefined)("the sweep on a real API server", () => {
  let real: RealCluster;
  let engine: RealEngine;
  let git: GitRoot;
  let server: GitServer;
  let repository: Repository;
  let observer: OpenCluster;

  beforeAll(async () => {
    real = await startRealCluster();
    git = createGitRoot();
    server = await startGitServer(git.folder);
    repository = git.create("edited");
    repository.commit({ "objects/all.yaml": yamlOf(wanted(namespace)) });
    const { cert, key } = await real.certificateOf("admin");
    const connection = { server: real.url, ca: real.ca, clientCertificate: cert, clientKey: key };
    engine = await createRealEngine(connection, { engine: "test", clusterName: cluster, silenceMillis: 200 });
    observer = engine.observer;
    await define();
    await submit();
    await sweep();
    await engine.run(sourceKey);
    await sweep();
  }, 240_000);

  afterAll(async () => {
    await engine.close();
    await real.stop();
    await server.close();
    git.remove();
  });

  /** The definitions that bootstrap brings, as soon as the server takes and serves them. */
  const define = async () => {
    const options = { fieldManager: "submitter", force: true } as const;
    const fluxNamespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: flux.namespace } };
    for (const object of [fluxNamespace, ...customResourceDefinitions()])
      await vi.waitFor(() => observer.apply(object, options), { timeout: 60_000, interval: 300 });
    for (const { apiVersion, kind } of [kustomization, gitRepository])
      await vi.waitFor(() => observer.list(apiVersion, kind), { timeout: 60_000, interval: 300 });
  };

  const submit = async () => {
    const url = `${server.url}/${basename(repository.folder)}`;
    const spec = {
      interval: "1h",
      path: "./objects",
      prune: true,
      sourceRef: { kind: "GitRepository", name: flux.name },
    };
    const objects: readonly KubeObject[] = [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
      { ...gitRepository, metadata: flux, spec: { interval: "1h", url, ref: { branch: "main" } } },
      { ...kustomization, metadata: flux, spec },
    ];
    for (const object of objects) await observer.apply(object, { fieldManager: "submitter", force: true });
  };

  /** One sweep, and the runs that it asks for. Gives what the sweep and the runs cost. */
  const sweep = async () => {
    Object.assign(engine.requests, { sweep: 0, source: 0, apply: 0 });
    Object.assign(engine.swept, { bytes: 0, paths: [] });
    await engine.run(sweepKey(cluster));
    return { ...engine.requests, bytes: engine.swept.bytes, paths: [...engine.swept.paths] };
  };

  const live = async () => {
    const objects = await Promise.all(wanted(namespace).map((object) => observer.get(refOf(object))));
    return new Map(objects.map((object, index) => [wanted(namespace)[index]?.metadata.name ?? "", object]));
  };

  /** Controllers have had their say: nothing moves any more by itself. */
  const settle = async () => {
    for (let before = ""; ;) {
      const now = JSON.stringify([...(await live()).values()].map((object) => object?.metadata.resourceVersion));
      if (now === before) return;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };

  it("asks for nothing but what happened, within its budget, while nothing happens", async () => {
    await settle();
    await sweep();
    const idle = await sweep();
    expect(idle.apply).toBe(1); // The ownership object.
    const kinds = new Set(wanted(namespace).map(({ kind }) => kind)).size;
    expect(idle.sweep).toBeLessThanOrEqual(7 + kinds);
    const others = idle.paths.filter((path) => !path.includes("watch=true"));
    expect(others).toContain("GET /api/v1/namespaces?fieldSelector=metadata.name%3Dkube-system");
    // What no write shows is looked at in turn, one part a sweep.
    expect(others.length).toBeLessThanOrEqual(2);
    expect(idle.bytes).toBeLessThan(16 * 1024);
  }, 120_000);

  it("leaves alone what is no drift", async () => {
    await settle();
    await sweep();
    await harmless(observer, namespace);
    await settle();
    const before = await live();
    const after = await sweep();
    expect(after.apply).toBe(1);
    expect(await live()).toEqual(before);
  }, 120_000);

  it("finds every edit, and puts right what was edited and nothing else", async () => {
    await settle();
    await sweep();
    const before = await live();
    const missed: string[] = [];
    for (const edit of edits) await edit.make(observer, namespace);
    await sweep();
    const after = await live();
    for (const edit of edits) {
      const [was, is] = [before.get(edit.of), after.get(edit.of)];
      if (!is || !edit.isRestored(is, was)) missed.push(edit.name);
    }
    const told = await observer.get({ apiVersion: "kustomize.toolkit.fluxcd.io/v1", kind: "Kustomization", ...flux });
    const { conditions } = told?.status as { conditions: readonly { message: string }[] };
    expect([...missed, ...(missed.length > 0 ? conditions.map(({ message }) => message) : [])]).toEqual([]);
    const edited = new Set(edits.map(({ of }) => of));
    for (const [name, object] of before)
      if (!edited.has(name))
        expect([name, after.get(name)?.metadata.resourceVersion]).toEqual([name, object?.metadata.resourceVersion]);
    expect(edits.length).toBeGreaterThanOrEqual(40);
  }, 240_000);

  const config = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace, name });
  const untouched = config("config-untouched");
  const editUntouched = (value: string) =>
    observer.mergePatch(untouched, { data: { a: value } }, { fieldManager: "kubectl-edit" });
  const isRestored = async () => ((await observer.get(untouched))?.data as { a?: string } | undefined)?.a === "1";
  /** Connections that broke with the server end what was under way on them; the next sweep finds the rest. */
  const sweepAfterRestart = async () => {
    for (let count = 0; count < 3 && !(await isRestored()); count += 1) await sweep();
    return await isRestored();
  };
  const versions = async () =>
    [...(await live())].map(([name, object]) => `${name} ${object?.metadata.uid} ${object?.metadata.resourceVersion}`);

  /** Who owns which field may be put in order; content that is as Git says stays. */
  const contents = async () =>
    [...(await live())].map(([name, object]) => {
      const { managedFields: _, resourceVersion: __, ...metadata } = object?.metadata ?? { name };
      return `${name} ${JSON.stringify({ ...object, metadata })}`;
    });

  it("still finds the next edit after the API server was restarted", async () => {
    await sweep();
    await real.restart();
    await editUntouched("after a restart");
    expect(await sweepAfterRestart()).toBe(true);
    const before = await versions();
    expect((await sweep()).apply).toBe(1);
    expect(await versions()).toEqual(before);
  }, 120_000);

  it("finds what came back with a snapshot of etcd, and restores nothing that is as Git says", async () => {
    let saved = "";
    await real.restart((folder) => cpSync(folder, (saved = `${folder}-saved`), { recursive: true }));
    await editUntouched("before the snapshot is restored");
    expect(await sweepAfterRestart()).toBe(true);
    for (let count = 0; count < 20; count += 1)
      await observer.apply(noise(count), { fieldManager: "noise", force: true });
    await sweep();
    await real.restart((folder) => {
      rmSync(folder, { recursive: true });
      cpSync(saved, folder, { recursive: true });
    });
    await editUntouched("after the snapshot was restored");
    const before = await contents();
    expect(await sweepAfterRestart()).toBe(true);
    const after = new Set(await contents());
    expect(before.filter((version) => !after.has(version))).toEqual([expect.stringMatching(/^config-untouched /)]);
  }, 240_000);

  it("looks at everything anew when the cluster was made anew under its name", async () => {
    await real.restart((folder) => rmSync(folder, { recursive: true }));
    await define();
    await submit();
    await sweep();
    await engine.run(sourceKey);
    await sweep();
    expect([...(await live()).values()].filter((object) => object === undefined)).toEqual([]);
    await editUntouched("in the new cluster");
    expect(await sweepAfterRestart()).toBe(true);
  }, 240_000);
});
