/** A push deploys, through the template that AWS would get: every call signed, every permission evaluated. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { followUntilReady } from "../../local/follow.ts";
import { kustomizationApiVersion } from "../../shared/api/kustomization.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { freePort, startWiring, type Wiring } from "./start.ts";

let wiring: Wiring;

const root = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository" };
const sources = "production/source.toolkit.fluxcd.io/GitRepository/flux-system";

/** Comes again in about 160 s, which is later than its releaser sends a message itself: the tick claims it. */
const later = (kind: "GitRepository" | "Kustomization") =>
  kind === "GitRepository"
    ? { ...root, metadata: laterMeta, spec: { interval: "2m40s", url: wiring.gitUrl, ref: { branch: "main" } } }
    : {
        apiVersion: "kustomize.toolkit.fluxcd.io/v1",
        kind,
        metadata: laterMeta,
        spec: {
          interval: "1h",
          retryInterval: "2m40s",
          path: "./nowhere",
          prune: true,
          sourceRef: { kind: "GitRepository", name: "later" },
        },
      };
const laterMeta = { name: "later", namespace: "flux-system" };

const get = (kind: "GitRepository" | "Kustomization") =>
  wiring.cluster.get({ apiVersion: later(kind).apiVersion, kind, ...laterMeta });

function editList(folder: string, edit: (text: string) => string): void {
  const list = join(folder, "clusters/production/kustomization.yaml");
  writeFileSync(list, edit(readFileSync(list, "utf8")));
}

/** Grants of the functions' roles that were never used, and calls that were refused, each naming role and action. */
function unusedOrDenied(): readonly string[] {
  const grants = Object.entries(wiring.aws.grants()).filter(([role]) => role.includes("/functions/"));
  return grants.flatMap(([role, { denied, unused }]) => [
    ...denied.map(({ action, resource }) => `${role} was refused ${action} on ${resource}`),
    ...unused.map((action) => `${role} never used ${action}`),
  ]);
}

const ringing = (): readonly string[] =>
  wiring.aws.alarms().flatMap(({ name, state }) => (state === "ALARM" ? [name] : []));

const expected = ["flux-system", "infrastructure-crds", "infrastructure", "apps"];

const follow = (commit?: string) =>
  followUntilReady(wiring.cluster, {
    clock: systemClock,
    since: Date.now(),
    commit,
    timeoutMillis: 60_000,
    signal: new AbortController().signal,
    expected,
  });

afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  const lines = wiring.logs.filter((line) => /"failed"|defect|denied|refused/i.test(line));
  console.error([...lines.slice(-10), "--", ...wiring.logs.slice(-25)].map((line) => line.slice(0, 400)).join("\n"));
});

beforeAll(async () => {
  wiring = await startWiring(await freePort());
}, 120_000);

afterAll(async () => {
  await wiring.stop();
}, 60_000);

describe("the deployed wiring", () => {
  it("bootstraps the cluster and deploys the example fleet", async () => {
    await wiring.aws.tick();
    const followed = await follow();
    expect(followed.map(({ name, ready }) => [name, ready])).toEqual(
      expect.arrayContaining(expected.map((name) => [name, true])),
    );
  }, 120_000);

  it("writes exactly one object for a push that changes one field", async () => {
    const before = wiring.logs.length;
    const commit = await wiring.push((folder) => {
      const file = join(folder, "infrastructure/base/ingress-nginx.yaml");
      writeFileSync(file, readFileSync(file, "utf8").replace(/proxy-read-timeout: .*/, 'proxy-read-timeout: "301"'));
    });
    await follow(commit);
    const applied = wiring.logs.slice(before).filter((line) => line.includes('"event":"applied"'));
    expect(applied).toEqual([expect.stringContaining("ConfigMap/ingress-nginx/ingress-nginx-controller")]);
  }, 120_000);

  it("acts at once on a delivery whose signature is right, and only once", async () => {
    const repository = { clone_url: wiring.gitUrl.toUpperCase().replace("HTTP", "http"), full_name: "a/fleet-infra" };
    const body = JSON.stringify({ ref: "refs/heads/main", repository });
    const answers = [
      await wiring.deliver({ body, delivery: "same" }),
      await wiring.deliver({ body, delivery: "same" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(await answers[0]!.json()).toEqual({ message: "1 sources triggered" });
    expect(await answers[1]!.json()).toEqual({ message: "this delivery was handled already" });
  });

  it.each([
    ["a wrong signature", { secret: "wrong" }, 401],
    ["no signature", { headers: { "x-hub-signature-256": "" } }, 401],
    ["neither JSON nor a form", { body: "<xml/>" }, 400],
    [
      "a repository that nobody follows",
      { body: JSON.stringify({ ref: "refs/heads/main", repository: { clone_url: "https://example.com/a/b.git" } }) },
      202,
    ],
    ["a ping", { event: "ping" }, 200],
  ])("answers %s with its status", async (_, delivery, status) => {
    expect((await wiring.deliver(delivery)).status).toBe(status);
  });

  it("ignores a push to a branch that nobody follows", async () => {
    const body = JSON.stringify({ ref: "refs/heads/other", repository: { clone_url: wiring.gitUrl } });
    expect(await (await wiring.deliver({ body })).json()).toEqual({ message: "0 sources triggered" });
  });

  it("takes a form-encoded delivery", async () => {
    const body = `payload=${encodeURIComponent(JSON.stringify({ zen: "x" }))}`;
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect((await wiring.deliver({ event: "ping", body, headers })).status).toBe(200);
  });

  it("corrects an edit by hand as soon as the audit log tells of it, and names who made it", async () => {
    const edited = {
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: "ingress-nginx",
      name: "ingress-nginx-controller",
    };
    const seconds = async () =>
      ((await wiring.cluster.get(edited))?.data as Record<string, string>)["proxy-read-timeout"];
    const edit = (value: string) =>
      wiring.cluster.mergePatch(edited, { data: { "proxy-read-timeout": value } }, { fieldManager: "kubectl-edit" });
    // Nobody remembers what Git describes: this one is left to the regular sweep.
    const isAsked = async () => {
      await wiring.loseMemory();
      await edit("7");
      return unusedOrDenied().every((line) => !line.includes("-audit never used s3:ListBucket"));
    };
    await expect.poll(isAsked, { timeout: 60_000, interval: 2_000 }).toBe(true);
    await wiring.wake("production/sweep");
    await expect.poll(seconds, { timeout: 60_000 }).toBe("301");
    const isRemembered = async () => {
      await wiring.wake("production/sweep");
      return (await wiring.memory()).includes("ingress-nginx_ingress-nginx-controller__ConfigMap");
    };
    await expect.poll(isRemembered, { timeout: 60_000, interval: 1_000 }).toBe(true);

    const before = wiring.logs.length;
    await edit("8");
    await expect.poll(seconds, { timeout: 45_000 }).toBe("301");
    const told = wiring.logs.slice(before).find((line) => line.includes('"event":"changed by hand"'));
    expect(told).toContain('"user":"kubernetes-admin"');
    await expect.poll(ringing, { timeout: 10_000 }).toContain("driftless-test-DriftDetected");
  }, 180_000);

  const fromAfar = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "from-afar" };

  /** Its values are told by keyed digests; a snooze keeps the alarm still. */
  async function driftUnheard(): Promise<void> {
    const ref = { apiVersion: kustomizationApiVersion, kind: "Kustomization", namespace: "flux-system" };
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const annotations = { "driftless.dev/drift-snooze": `${until} a test` };
    const by = { fieldManager: "kubectl-edit" };
    await wiring.cluster.mergePatch({ ...ref, name: "flux-system" }, { metadata: { annotations } }, by);
    await wiring.cluster.mergePatch(fromAfar, { data: { edited: "by hand" } }, by);
  }

  it("grants each function what it uses and nothing else", async () => {
    const remoteBase = `${wiring.gitUrl}//afar?ref=main`;
    // What an undisturbed minute does not do: a run that is due later than its releaser sends itself, a prune, a source
    // that goes, an artifact that was lost, a second sweep, a remote base.
    await wiring.push((folder) => {
      const objects = [later("GitRepository"), later("Kustomization")].map((object) => JSON.stringify(object));
      writeFileSync(join(folder, "clusters/production/later.yaml"), objects.join("\n---\n"));
      const base = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-afar", namespace: "default" } };
      mkdirSync(join(folder, "afar"));
      writeFileSync(join(folder, "afar/kustomization.yaml"), "resources: [base.yaml]\n");
      writeFileSync(join(folder, "afar/base.yaml"), JSON.stringify(base));
      editList(folder, (text) => `${text}  - later.yaml\n  - ${remoteBase}\n`);
    });
    // One after the other, for a tick takes what it finds: each must lie in the look-ahead when its tick comes.
    const kustomizations = "production/kustomize.toolkit.fluxcd.io/Kustomization/flux-system";
    for (const [queue, key] of [
      ["source", `${sources}/later`],
      ["reconcile", `${kustomizations}/later`],
    ] as const) {
      const isSent = async () => {
        if (await wiring.isForTheTick(key)) await wiring.aws.tick();
        return unusedOrDenied().every((line) => !line.includes("-tick never used sqs:") || !line.endsWith(`-${queue}`));
      };
      await expect.poll(isSent, { timeout: 90_000, interval: 250 }).toBe(true);
    }

    await expect.poll(() => wiring.cluster.get(fromAfar), { timeout: 60_000 }).toBeDefined();
    await driftUnheard();
    await wiring.loseArtifacts();
    await wiring.wake(`${sources}/flux-system`);
    await wiring.wake("production/sweep");
    // Before the push, which would leave nothing to be missed.
    const isMissed = () => unusedOrDenied().every((line) => !line.includes("-source never used s3:ListBucket"));
    await expect.poll(isMissed, { timeout: 60_000 }).toBe(true);
    const commit = await wiring.push((folder) =>
      editList(folder, (text) => text.replace(`  - later.yaml\n  - ${remoteBase}\n`, "")),
    );
    await follow(commit);
    await expect.poll(() => get("GitRepository"), { timeout: 60_000 }).toBeUndefined();
    await expect.poll(unusedOrDenied, { timeout: 60_000, interval: 500 }).toEqual([]);
  }, 180_000);

  it("leaves nothing in a dead-letter queue and raises no alarm but that of the edit by hand", () => {
    const dead = wiring.aws.sqs.queues.filter(({ name }) => /dlq|dead/i.test(name));
    expect(dead.length).toBeGreaterThanOrEqual(3);
    expect(dead.map(({ arn }) => wiring.aws.sqs.counts(arn).visible)).toEqual(dead.map(() => 0));
    expect(ringing().filter((name) => !name.includes("Drift"))).toEqual([]);
  });
});
