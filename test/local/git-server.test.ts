import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type TestLocal, eventually, startTestLocal } from "./assembly.ts";

const run = promisify(execFile);

const webhook = `
export const handler = async (event) => {
  console.log("WEBHOOK " + JSON.stringify(event));
  return { statusCode: 202 };
};
`;

interface Delivery {
  readonly body: string;
  readonly isBase64Encoded: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

describe("the local Git server", () => {
  let local: TestLocal;
  let clone: string;
  const git = async (...args: readonly string[]) =>
    (await run("git", ["-C", clone, "-c", "user.name=Dev", "-c", "user.email=dev@example.com", ...args])).stdout.trim();
  const deliveries = (): readonly Delivery[] =>
    local.lines.flatMap((line) =>
      line.includes("WEBHOOK ") ? [JSON.parse(line.slice(line.indexOf("{"))) as Delivery] : [],
    );

  beforeAll(async () => {
    local = await startTestLocal({ handlers: { webhook } });
    await local.git.create("fleet-infra");
    clone = mkdtempSync(path.join(tmpdir(), "driftless-clone-"));
    await git("init", "--quiet", "--initial-branch=main");
    writeFileSync(path.join(clone, "kustomization.yaml"), "resources: []\n");
    await git("add", ".");
    await git("commit", "--quiet", "-m", "first");
  });
  afterAll(async () => {
    await local.stop();
    rmSync(clone, { recursive: true });
  });

  it("announces a push by a webhook that is signed as GitHub's", async () => {
    await git("push", "--quiet", `${local.gitUrl}/fleet-infra.git`, "main");

    const [delivery] = await eventually(() => (deliveries().length > 0 ? deliveries() : undefined));
    const { body, headers, isBase64Encoded } = delivery!;
    const payload = JSON.parse(body) as Record<string, unknown>;
    expect(isBase64Encoded).toBe(false);
    expect(headers["x-github-event"]).toBe("push");
    expect(headers["x-github-delivery"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers["x-hub-signature-256"]).toBe(
      `sha256=${createHmac("sha256", local.webhook()!.secret).update(body).digest("hex")}`,
    );
    expect(payload).toMatchObject({
      ...{ ref: "refs/heads/main", before: "0".repeat(40), after: await git("rev-parse", "HEAD"), deleted: false },
      repository: { clone_url: `${local.gitUrl}/fleet-infra.git`, full_name: "local/fleet-infra" },
      head_commit: { message: "first" },
      pusher: { name: "Dev" },
    });
  });

  it("serves clones, protocol version 2 and single commits", async () => {
    const url = `${local.gitUrl}/fleet-infra.git`;
    const refs = (await run("git", ["-c", "protocol.version=2", "ls-remote", url])).stdout;
    const head = await git("rev-parse", "HEAD");
    await git("fetch", "--quiet", "--depth=1", url, head);

    expect(refs).toContain(`${head}\trefs/heads/main`);
    const answer = await fetch(`${url}/info/refs?service=git-upload-pack`, {
      headers: { "git-protocol": "version=2" },
    });
    expect(await answer.text()).toContain("version 2");
    expect((await fetch(`${local.gitUrl}/..%2fsecret.git/info/refs?service=git-upload-pack`)).status).toBe(404);
    expect((await fetch(`${local.gitUrl}/absent.git/info/refs?service=git-upload-pack`)).status).toBe(404);
  });
});

describe("the local ingress", () => {
  let local: TestLocal;
  beforeAll(async () => {
    local = await startTestLocal({ handlers: { webhook } });
  });
  afterAll(() => local.stop());

  it("passes forms in base64 and answers 404 for what has no route", async () => {
    const answer = await fetch(`${local.ingressUrl}/github?a=1&a=2`, {
      method: "POST",
      body: new URLSearchParams({ payload: "{}" }),
    });
    const other = await fetch(`${local.ingressUrl}/other`, { method: "POST" });
    const line = await eventually(() => local.lines.find((each) => each.includes("WEBHOOK ")));
    const event = JSON.parse(line.slice(line.indexOf("{"))) as Record<string, unknown>;

    expect([answer.status, other.status]).toEqual([202, 404]);
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "POST /github",
      isBase64Encoded: true,
      queryStringParameters: { a: "1,2" },
    });
    expect(Buffer.from(String(event.body), "base64").toString()).toBe("payload=%7B%7D");
  });
});
