/** One GitRepository from a real git server into an in-memory cluster, table and bucket. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { GitRepositorySpec } from "../../../shared/api/git-repository.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { KubeError } from "../../../shared/kubernetes/cluster.ts";
import { openTransportWithin } from "../../../shared/source/git/open-transport.ts";
import type { SourceOutcome, SourcePorts } from "../../../shared/source/ports.ts";
import { reconcileGitRepository } from "../../../shared/source/reconcile.ts";
import { findSourcesByUrl, markAnnounced } from "../../../shared/source/rows.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createGitRoot, type GitRoot, type GitServer, startGitServer } from "../../fakes/git-server.ts";
import { createMemoryTable, type MemoryTable } from "../../fakes/memory-table.ts";
import { objectCluster } from "../../fakes/object-cluster.ts";

const credential = "git:s3cret";
const ref = {
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "GitRepository",
  namespace: "flux-system",
  name: "fleet",
};
const keyIn = (cluster: string) => `${cluster}/source.toolkit.fluxcd.io/GitRepository/flux-system/fleet`;

let root: GitRoot;
let server: GitServer;
let names = 0;

beforeAll(async () => {
  root = createGitRoot();
  server = await startGitServer(root.folder, { basic: credential });
});

afterAll(async () => {
  await server.close();
  root.remove();
});

interface Bucket {
  readonly blobs: Map<string, Uint8Array>;
  readonly port: SourcePorts["blobs"];
}

function aBucket(): Bucket {
  const blobs = new Map<string, Uint8Array>();
  return {
    blobs,
    port: {
      exists: async (key) => blobs.has(key),
      put: async (key, bytes) => void blobs.set(key, bytes),
    },
  };
}

interface WorldOptions {
  readonly spec?: Partial<GitRepositorySpec>;
  readonly secret?: Readonly<Record<string, string>> | null;
  readonly metadata?: Partial<KubeObject["metadata"]>;
  readonly cluster?: string;
  readonly shared?: { readonly table: MemoryTable; readonly bucket: Bucket };
  readonly url?: string;
}

const base64 = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Buffer.from(value).toString("base64")]));

function aRepository(files: Readonly<Record<string, string>> = { "a.yaml": "a" }, message = "Deploy the frontend") {
  names += 1;
  const repository = root.create(`fleet${names}`);
  const commit = repository.commit(files, message);
  return { repository, commit, url: `${server.url}/fleet${names}.git` };
}

function aWorld({
  spec = {},
  secret = { username: "git", password: "s3cret" },
  metadata = {},
  cluster = "production",
  shared,
  url = aRepository().url,
}: WorldOptions = {}) {
  const clock = fakeClock();
  const { table, bucket } = shared ?? { table: createMemoryTable(), bucket: aBucket() };
  const object: KubeObject = {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: { name: "fleet", namespace: "flux-system", uid: "uid-fleet", generation: 1, ...metadata },
    spec: { interval: "1h", url, ref: { branch: "main" }, secretRef: { name: "git" }, ...spec },
  };
  const objects: KubeObject[] = [object];
  if (secret)
    objects.push({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "git", namespace: "flux-system" },
      data: base64(secret),
    });
  const api = objectCluster({ objects });
  const ports: SourcePorts = {
    cluster: api,
    table,
    blobs: bucket.port,
    openGit: openTransportWithin("machine"),
    clock,
    bucket: "artifact-bucket",
    hmacKey: Buffer.from("key"),
    fence: () => undefined,
    signal: AbortSignal.timeout(60_000),
  };
  const key = keyIn(cluster);
  const read = async () => (await api.get(ref))!;
  const world = {
    table,
    bucket,
    api,
    clock,
    key,
    ports,
    read,
    status: async () => ((await read()).status ?? {}) as Record<string, unknown>,
    run: (changed: Partial<SourcePorts> = {}): Promise<SourceOutcome> =>
      reconcileGitRepository(key, { ...ports, ...changed }),
    edit: async (change: { spec?: object; metadata?: object; status?: object }) => {
      const now = await read();
      const { generation = 1 } = now.metadata;
      api.put({
        ...now,
        spec: { ...(now.spec as object), ...change.spec },
        metadata: { ...now.metadata, generation: change.spec ? generation + 1 : generation, ...change.metadata },
        ...(change.status ? { status: change.status } : {}),
      });
    },
  };
  return world;
}

const source = () => aRepository();
const sharedOf = ({ table }: { table: MemoryTable }) =>
  table.items().find(({ pk }) => typeof pk === "string" && pk.startsWith("SR#")) ?? {};
const rowOf = ({ table, key }: { table: MemoryTable; key: string }) => table.itemAt({ pk: `OB#${key}`, sk: "SRC" });

describe("reconcileGitRepository", () => {
  it("stores the artifact and says so as source-controller does", async () => {
    const { commit, url } = source();
    const world = aWorld({ url, metadata: { annotations: { "reconcile.fluxcd.io/requestedAt": "now" } } });

    const outcome = await world.run();

    const revision = `main@sha1:${commit}`;
    const [artifactKey = "", bytes = new Uint8Array()] = [...world.bucket.blobs][0] ?? [];
    const digest = `sha256:${artifactKey.slice("artifacts/".length, -".tar.gz".length)}`;
    const condition = {
      lastTransitionTime: "2026-01-01T10:00:00Z",
      message: `stored artifact for revision '${revision}'`,
      observedGeneration: 1,
      reason: "Succeeded",
      status: "True",
    };
    expect(await world.status()).toEqual({
      artifact: {
        digest,
        lastUpdateTime: "2026-01-01T10:00:00Z",
        path: `gitrepository/flux-system/fleet/${commit}.tar.gz`,
        revision,
        size: bytes.length,
        url: `s3://artifact-bucket/${artifactKey}`,
      },
      conditions: [
        { ...condition, type: "Ready" },
        { ...condition, type: "ArtifactInStorage" },
      ],
      lastHandledReconcileAt: "now",
      observedGeneration: 1,
    });
    expect((await world.read()).metadata.finalizers).toEqual(["finalizers.fluxcd.io"]);
    expect(outcome).toMatchObject({
      kind: "ready",
      revision,
      announceNeeded: true,
      events: [
        {
          type: "Normal",
          reason: "NewArtifact",
          message: "stored artifact for commit 'Deploy the frontend'",
          involved: { kind: "GitRepository", name: "fleet", uid: "uid-fleet" },
          annotations: {
            "source.toolkit.fluxcd.io/revision": revision,
            "source.toolkit.fluxcd.io/digest": digest,
          },
        },
      ],
    });
    const due = world.clock.now() / 1000 + 3600;
    expect(Math.abs((outcome.nextAtSeconds ?? 0) - due)).toBeLessThanOrEqual(181);
  });

  it("writes nothing and fetches nothing while nothing changes", async () => {
    const world = aWorld();
    const { revision = "" } = await world.run();
    await markAnnounced(world.table, world.key, revision);
    const [writes, items, requests] = [world.api.writes.length, world.table.items(), server.requests.length];
    world.clock.advance(3_600_000);

    const outcome = await world.run();

    expect(outcome).toMatchObject({ kind: "ready", revision, announceNeeded: false, events: [] });
    expect(world.api.writes).toHaveLength(writes);
    expect(world.table.items()).toEqual(items);
    expect(server.requests).toHaveLength(requests + 1);
  });

  it("announces until it is told that the dependants know", async () => {
    const { repository, url } = source();
    const world = aWorld({ url });
    const { revision = "" } = await world.run();

    expect((await world.run()).announceNeeded).toBe(true);
    await markAnnounced(world.table, world.key, revision);
    expect((await world.run()).announceNeeded).toBe(false);

    repository.commit({ "b.yaml": "b" });
    const next = await world.run();
    expect(next).toMatchObject({ announceNeeded: true });
    await markAnnounced(world.table, world.key, revision);
    expect((await world.run()).announceNeeded).toBe(true);
  });

  it("archives the same commit again when spec.ignore changes, and tells of it", async () => {
    const world = aWorld();
    const { revision = "" } = await world.run();
    await markAnnounced(world.table, world.key, revision);
    await world.edit({ spec: { ignore: "*.yaml" } });

    const outcome = await world.run();

    expect(outcome).toMatchObject({ revision, announceNeeded: true, events: [{ reason: "NewArtifact" }] });
    expect(await world.status()).toMatchObject({ observedIgnore: "*.yaml", observedGeneration: 2 });
    expect(world.bucket.blobs.size).toBe(2);

    await world.edit({ spec: { ignore: undefined } });
    await world.run();
    expect(await world.status()).not.toHaveProperty("observedIgnore");
  });

  it("fetches the commit again when its archive is gone", async () => {
    const world = aWorld();
    await world.run();
    const before = [...world.bucket.blobs.keys()];
    world.bucket.blobs.clear();

    const outcome = await world.run();

    expect(outcome).toMatchObject({ kind: "ready", events: [] });
    expect([...world.bucket.blobs.keys()]).toEqual(before);
  });

  it("keeps what is shared for as long as somebody uses it, without a write at each look", async () => {
    const world = aWorld();
    await world.run();
    const { ttl, ...shared } = sharedOf(world);
    const day = 24 * 3600_000;

    world.clock.advance(10 * day);
    await world.run();
    expect(sharedOf(world)).toEqual({ ...shared, ttl });
    world.clock.advance(10 * day);
    await world.run();

    expect(ttl).toBeDefined();
    expect(sharedOf(world)).toEqual({ ...shared, ttl: Math.floor(world.clock.now() / 1000) + 30 * 24 * 3600 });
  });

  it("repeats what a killed run left undone", async () => {
    const world = aWorld();
    const dies: SourcePorts["fence"] = () => {
      if (world.bucket.blobs.size > 0) throw new Error("killed");
    };
    await expect(world.run({ fence: dies })).rejects.toThrow("killed");

    const outcome = await world.run();

    expect(outcome).toMatchObject({ kind: "ready", announceNeeded: true, events: [{ reason: "NewArtifact" }] });
    expect(await world.status()).toMatchObject({ artifact: { revision: outcome.revision } });
  });

  it("does nothing for a suspended object but mark it as its own", async () => {
    const world = aWorld({ spec: { suspend: true } });

    const outcome = await world.run();

    expect(outcome).toEqual({
      kind: "suspended",
      seen: { uid: "uid-fleet", generation: 1 },
      announceNeeded: false,
      events: [],
    });
    expect(world.api.writes).toEqual(["patch GitRepository/flux-system/fleet"]);
  });

  it("lets a deleted object go and forgets it", async () => {
    const world = aWorld({ spec: { suspend: false } });
    await world.run();
    await world.edit({
      metadata: { deletionTimestamp: "2026-01-01T10:00:00Z", finalizers: ["finalizers.fluxcd.io", "x/y"] },
    });

    expect((await world.run()).kind).toBe("deleted");

    expect((await world.read()).metadata.finalizers).toEqual(["x/y"]);
    expect(world.table.items().map(({ pk }) => pk)).toEqual([expect.stringMatching(/^SR#/)]);
  });

  it("forgets an object that is not there any more", async () => {
    const world = aWorld();
    await world.run();
    await world.api.delete(ref);

    expect((await world.run()).kind).toBe("deleted");
    expect(rowOf(world)).toBeUndefined();
  });

  it("lets webhooks find the source by its URL, the old one no more", async () => {
    const [one, two] = [source(), source()];
    const world = aWorld({ url: one.url });
    const urlKey = (url: string) => url.replace("http://", "").replace(".git", "");
    await world.run();
    expect((await findSourcesByUrl(world.table, urlKey(one.url))).map(({ key }) => key)).toEqual([world.key]);

    await world.edit({ spec: { url: two.url } });
    await world.run();

    expect(await findSourcesByUrl(world.table, urlKey(one.url))).toEqual([]);
    expect((await findSourcesByUrl(world.table, urlKey(two.url))).map(({ key }) => key)).toEqual([world.key]);
  });
});

describe("reconcileGitRepository between clusters", () => {
  it("fetches once for all who hold the same credential", async () => {
    const { url } = source();
    const first = aWorld({ url });
    await first.run();
    const requests = server.requests.length;
    const second = aWorld({ url, cluster: "staging", shared: first });

    const outcome = await second.run();

    expect(outcome).toMatchObject({
      kind: "ready",
      events: [{ reason: "NewArtifact", message: "stored artifact for commit 'Deploy the frontend'" }],
    });
    expect((await second.status()).artifact).toEqual((await first.status()).artifact);
    expect(server.requests).toHaveLength(requests + 1);
  });

  it("shows nothing to a wrong credential, and leaves the first cluster alone", async () => {
    const { url } = source();
    const first = aWorld({ url });
    await first.run();
    const before = await first.status();
    const second = aWorld({ url, cluster: "staging", shared: first, secret: { username: "git", password: "wr0ng" } });

    const outcome = await second.run();

    expect(outcome).toMatchObject({ kind: "failed", announceNeeded: false });
    expect(JSON.stringify([await second.status(), outcome, second.table.items()])).not.toMatch(/wr0ng|s3cret/);
    expect(await second.status()).not.toHaveProperty("artifact");
    expect(await first.status()).toEqual(before);
    expect((await first.run()).kind).toBe("ready");
  });

  it("does not reuse what was fetched with another credential", async () => {
    const open = await startGitServer(root.folder);
    const url = `${open.url}/fleet${names}.git`;
    const first = aWorld({ url });
    await first.run();
    const second = aWorld({ url, cluster: "staging", shared: first, secret: { username: "git", password: "other" } });

    await second.run();

    expect(open.requests).toHaveLength(4);
    await open.close();
  });
});

describe("reconcileGitRepository in failure", () => {
  const checkout = "failed to checkout and determine revision";

  it.each<[string, () => WorldOptions, string, string | RegExp]>([
    [
      "a repository that is gone",
      () => ({ url: `${server.url}/gone.git` }),
      "GitOperationFailed",
      /^failed to checkout and determine revision: unable to clone.*: repository not found/,
    ],
    [
      "a refused credential",
      () => ({ secret: { username: "git", password: "wr0ng" } }),
      "GitOperationFailed",
      /^failed to checkout and determine revision: unable to clone 'http:.*': authentication required: Invalid username or token\. — check the key or token in Secret flux-system\/git, and that it may read this repository$/,
    ],
    [
      "a branch that is not there",
      () => ({ spec: { ref: { branch: "nope" } } }),
      "GitOperationFailed",
      /: unable to clone 'http.*': couldn't find remote ref "refs\/heads\/nope" — check spec\.ref: the repository has no such reference$/,
    ],
    [
      "a commit that is not there",
      () => ({ spec: { ref: { commit: "f".repeat(40) } } }),
      "GitOperationFailed",
      `${checkout}: unable to resolve commit object for '${"f".repeat(40)}': object not found — check spec.ref: the repository has no such reference`,
    ],
    [
      "an empty repository",
      () => {
        names += 1;
        root.create(`fleet${names}`);
        return { url: `${server.url}/fleet${names}.git` };
      },
      "EmptyGitRepository",
      "git repository is empty",
    ],
    [
      "a Secret that is not there",
      () => ({ secret: null }),
      "AuthenticationFailed",
      `failed to get secret 'flux-system/git': failed to get secret 'flux-system/git': secrets "git" not found — create Secret flux-system/git, or the Kustomization that brings it first`,
    ],
    [
      "a password without a user",
      () => ({ secret: { password: "s3cret" } }),
      "AuthenticationFailed",
      "failed to configure authentication options: invalid 'http' auth option: 'password' requires 'username' to be set",
    ],
    [
      "SSH without known_hosts",
      () => ({ url: "ssh://git@127.0.0.1:1/a.git", secret: { identity: "key" } }),
      "AuthenticationFailed",
      "failed to configure authentication options: invalid 'ssh' auth option: 'known_hosts' is required",
    ],
    [
      "the keys of a GitHub App without the provider",
      () => ({ secret: { githubAppID: "1" } }),
      "InvalidProviderConfiguration",
      "secretRef 'flux-system/git' has github app data but provider is not set to github",
    ],
    [
      "a host that hangs",
      () => ({ spec: { timeout: "150ms" }, url: `http://127.0.0.1:${hanging.port}/a.git` }),
      "GitOperationFailed",
      /: unable to clone 'http.*': context deadline exceeded — check spec\.url, and that the engine can reach that host$/,
    ],
  ])("tells of %s", async (_, options, reason, message) => {
    const world = aWorld(options());

    const outcome = await world.run();

    const matching = (typeof message === "string" ? message : expect.stringMatching(message)) as string;
    expect(await world.status()).toMatchObject({
      conditions: [
        { type: "Reconciling", status: "True", reason: "ProgressingWithRetry", message: "building artifact" },
        { type: "Ready", status: "False", reason, message: matching, observedGeneration: 1 },
        { type: "FetchFailed", status: "True", reason, message: matching },
      ],
    });
    expect(await world.status()).toMatchObject({ observedGeneration: -1 });
    expect(outcome).toMatchObject({
      kind: "failed",
      announceNeeded: false,
      events: [{ type: "Warning", reason, message: matching }],
    });
    expect(outcome.nextAtSeconds).toBe(world.clock.now() / 1000 + 1);
  });

  it.each([
    ["no answer", new KubeError(0, "Unreachable", "no answer")],
    ["no valid token", new KubeError(401, "Unauthorized", "who are you?")],
    ["too many requests", new KubeError(429, "TooManyRequests", "later")],
  ])("has nothing to tell of a Secret that cannot be asked for: %s", async (_, error) => {
    const world = aWorld();
    const cluster: typeof world.api = {
      ...world.api,
      get: (asked, signal) => (asked.kind === "Secret" ? Promise.reject(error) : world.api.get(asked, signal)),
    };

    await expect(reconcileGitRepository(world.key, { ...world.ports, cluster })).rejects.toThrow(error);

    expect(await world.status()).toEqual({});
  });

  let hanging: GitServer;
  beforeAll(async () => {
    hanging = await startGitServer(root.folder, { intercept: () => true });
  });
  afterAll(() => hanging.close());

  it("keeps the last artifact, tries less and less often, and tells when it is over", async () => {
    const { repository, url } = source();
    const world = aWorld({ url });
    const { revision } = await world.run();
    const { artifact } = await world.status();
    repository.git("branch", "-m", "main", "away");

    const delays: number[] = [];
    for (let round = 0; round < 13; round += 1)
      delays.push(((await world.run()).nextAtSeconds ?? 0) - world.clock.now() / 1000);
    const failed = await world.status();
    repository.git("branch", "-m", "away", "main");
    const recovered = await world.run();

    expect(delays).toEqual([1, 2, 3, 6, 12, 24, 48, 96, 192, 384, 768, 900, 900]);
    expect(failed).toMatchObject({
      artifact,
      conditions: [
        { type: "Reconciling", message: "reconciliation in progress" },
        { type: "Ready", status: "False" },
        { type: "ArtifactInStorage", status: "True" },
        { type: "FetchFailed" },
      ],
    });
    expect(recovered).toMatchObject({ kind: "ready", revision, events: [{ type: "Normal", reason: "Succeeded" }] });
    expect(await world.status()).toMatchObject({
      artifact,
      conditions: [{ type: "Ready" }, { type: "ArtifactInStorage" }],
    });
  });

  it.each<[string, Partial<GitRepositorySpec>]>([
    ["spec.verify", { verify: { mode: "HEAD", secretRef: { name: "keys" } } }],
    ["spec.include", { include: [{ repository: { name: "other" } }] }],
    ["spec.recurseSubmodules", { recurseSubmodules: true }],
    ["spec.sparseCheckout", { sparseCheckout: ["a"] }],
    ["spec.proxySecretRef", { proxySecretRef: { name: "proxy" } }],
    ["spec.provider", { provider: "github" }],
    ["spec.provider, spec.serviceAccountName", { provider: "aws", serviceAccountName: "git" }],
  ])("stalls on %s and says so once", async (fields, spec) => {
    const world = aWorld({ spec });

    const outcome = await world.run();
    const again = await world.run();

    const stalled = { status: "True", reason: "FeatureNotSupported", message: `not supported yet: ${fields}` };
    expect(await world.status()).toMatchObject({
      observedGeneration: 1,
      conditions: [
        { type: "Stalled", ...stalled },
        { type: "Ready", ...stalled, status: "False" },
      ],
    });
    expect(outcome).toMatchObject({ kind: "stalled", events: [{ type: "Warning", reason: "FeatureNotSupported" }] });
    expect(outcome).not.toHaveProperty("nextAtSeconds");
    expect(again.events).toEqual([]);
  });

  it("stalls on a URL that names no host, and shows no password of it", async () => {
    const world = aWorld({ url: "https://me:s3cret@:443" });

    const outcome = await world.run();

    expect(outcome).toMatchObject({ kind: "stalled", events: [{ reason: "URLInvalid" }] });
    expect(JSON.stringify(await world.status())).not.toContain("s3cret");
  });

  it("stalls on a spec that cannot be read", async () => {
    const world = aWorld({ spec: { interval: "soon" } });

    expect(await world.run()).toMatchObject({ kind: "stalled" });
  });

  it("lets a failure of the API server through", async () => {
    const world = aWorld();
    const cluster = { ...world.api, get: () => Promise.reject(new KubeError(500, "InternalError", "etcd is gone")) };

    await expect(world.run({ cluster })).rejects.toThrow("etcd is gone");
  });
});
