/** A push deploys, through the template that AWS would get: every call signed, every permission evaluated. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { followUntilReady } from "../../local/follow.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startWiring, type Wiring } from "./start.ts";

let wiring: Wiring;

const root = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository" };
const sources = "production/source.toolkit.fluxcd.io/GitRepository/flux-system";

/** Grants of the functions' roles that were never used, and calls that were refused, each naming role and action. */
function unusedOrDenied(): readonly string[] {
  const grants = Object.entries(wiring.aws.grants()).filter(([role]) => role.includes("/functions/"));
  return grants.flatMap(([role, { denied, unused }]) => [
    ...denied.map(({ action, resource }) => `${role} was refused ${action} on ${resource}`),
    ...unused.map((action) => `${role} never used ${action}`),
  ]);
}

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

beforeAll(async () => {
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
  wiring = await startWiring(port);
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
    ["a repository that nobody follows", { body: JSON.stringify({ ref: "refs/heads/main", repository: { clone_url: "https://example.com/a/b.git" } }) }, 202],
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

  it("grants each function what it uses and nothing else", async () => {
    // What an undisturbed minute does not do: a prune, a source that goes, an artifact that was lost, a second sweep.
    const extra = (url: string) => ({ ...root, metadata: { name: "extra", namespace: "flux-system" }, spec: { interval: "1h", url } });
    const second = (folder: string) => join(folder, "clusters/production/second.yaml");
    await follow(
      await wiring.push((folder) => {
        writeFileSync(second(folder), JSON.stringify(extra(wiring.gitUrl)));
        const list = join(folder, "clusters/production/kustomization.yaml");
        writeFileSync(list, `${readFileSync(list, "utf8")}  - second.yaml\n`);
        const file = join(folder, "apps/base/kustomization.yaml");
        writeFileSync(file, readFileSync(file, "utf8").replace("GREETING=hello", "GREETING=welcome"));
      }),
    );
    rmSync(join(wiring.stateDir, "s3"), { recursive: true });
    await wiring.wake(`${sources}/flux-system`);
    const commit = await wiring.push((folder) => {
      const list = join(folder, "clusters/production/kustomization.yaml");
      writeFileSync(list, readFileSync(list, "utf8").replace("  - second.yaml\n", ""));
    });
    await follow(commit);
    await expect.poll(() => wiring.cluster.get({ ...root, namespace: "flux-system", name: "extra" }), { timeout: 20_000 }).toBeUndefined();
    const sweeps = wiring.logs.filter((line) => line.includes("EngineFrozen")).length;
    await wiring.wake("production/sweep");
    await expect.poll(() => wiring.logs.filter((line) => line.includes("EngineFrozen")).length, { timeout: 20_000 }).toBeGreaterThan(sweeps);
    await wiring.wake(`${sources}/flux-system`);
    await expect.poll(unusedOrDenied, { timeout: 30_000 }).toEqual([]);
  }, 180_000);
  it("leaves nothing in a dead-letter queue and raises no alarm", () => {
    const dead = wiring.aws.sqs.queues.filter(({ name }) => /dlq|dead/i.test(name));
    expect(dead.length).toBeGreaterThanOrEqual(3);
    expect(dead.map(({ arn }) => wiring.aws.sqs.counts(arn).visible)).toEqual(dead.map(() => 0));
  });
});
