/** What the sandbox has beyond a real API server: logins, access policies, refusals, its state file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  createSandbox,
  type Sandbox,
  type SandboxAddress,
  type SandboxOptions,
} from "../../local/sandbox/create-sandbox.ts";
import type { Identity } from "../../local/sandbox/rbac.ts";
import type { AuditEntry } from "../../local/sandbox/call.ts";
import { eventually } from "../conformance/behaviours.ts";
import { createTarget, type Reply, type RequestOptions } from "../conformance/target.ts";

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Running {
  readonly sandbox: Sandbox;
  readonly address: SandboxAddress;
  ask(path: string, options?: RequestOptions, token?: string): Promise<Reply>;
  stop(): Promise<void>;
}

async function running(options: SandboxOptions = {}): Promise<Running> {
  const sandbox = createSandbox({ readyAfterMs: 5, ...options });
  const address = await sandbox.start();
  const targets = new Map<string, ReturnType<typeof createTarget>>();
  const target = (token: string) => {
    const known = targets.get(token);
    if (known) return known;
    const made = createTarget({
      name: "sandbox",
      url: address.url,
      ca: address.caPem,
      token,
      kubeconfigPath: "",
      fluxDefinitions: undefined,
    });
    targets.set(token, made);
    return made;
  };
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    for (const one of targets.values()) one.close();
    await sandbox.stop();
  };
  ends.push(stop);
  return {
    sandbox,
    address,
    stop,
    ask: (path, request, token = address.adminToken) => target(token).request(path, request),
  };
}

const apply = (body: object): RequestOptions => ({
  method: "PATCH",
  contentType: "application/apply-patch+yaml",
  body,
});
const configMap = (name: string, data: object): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
const MAP = "/api/v1/namespaces/default/configmaps/a";

describe("createSandbox", () => {
  it("asks the given port who a token belongs to", async () => {
    const people: Record<string, Identity> = {
      admin: { user: "role/apply", groups: [], policies: ["AmazonEKSClusterAdminPolicy"] },
      sweep: { user: "role/sweep", groups: [], policies: ["AmazonEKSAdminViewPolicy"] },
      view: { user: "role/view", groups: [], policies: ["AmazonEKSViewPolicy"] },
      none: { user: "role/none", groups: [] },
    };
    const { ask } = await running({ authenticate: ({ token = "" }) => people[token] });
    const write = apply(configMap("a", { x: "1" }));
    const status = async (token: string, path: string, options?: RequestOptions): Promise<number> =>
      (await ask(path, options, token)).status;

    expect(await status("unknown", "/api/v1/namespaces")).toBe(401);
    expect(await status("admin", `${MAP}?fieldManager=t`, write)).toBe(201);
    expect(
      await status("admin", "/api/v1/namespaces", {
        headers: { "impersonate-user": "system:serviceaccount:flux-system:kustomize-controller" },
      }),
    ).toBe(403);
    expect(await status("sweep", "/api/v1/secrets")).toBe(200);
    expect(await status("sweep", `${MAP}?fieldManager=t`, write)).toBe(403);
    expect(await status("view", MAP)).toBe(200);
    expect(await status("view", "/api/v1/secrets")).toBe(403);
    expect(await status("none", MAP)).toBe(403);
    const { body } = await ask(MAP, { headers: { "impersonate-user": "root" } }, "sweep");
    expect(body).toMatchObject({
      message:
        'users "root" is forbidden: User "role/sweep" cannot impersonate resource "users" in API group "" at the cluster scope',
    });
  });

  it("reports every request with who made it", async () => {
    const entries: AuditEntry[] = [];
    const { ask } = await running({ audit: (entry) => entries.push(entry) });

    await ask("/api/v1/namespaces/x", { headers: { "impersonate-user": "somebody" } });

    expect(entries).toMatchObject([
      { user: "kubernetes-admin", as: "somebody", verb: "get", url: "/api/v1/namespaces/x", code: 403 },
    ]);
  });

  it("keeps objects, versions and certificate over a restart", async () => {
    const directory = mkdtempSync(join(tmpdir(), "driftless-sandbox-"));
    ends.push(() => rmSync(directory, { recursive: true, force: true }));
    const stateFile = join(directory, "state.json");
    const first = await running({ stateFile });
    const { body: before } = await first.ask(`${MAP}?fieldManager=t`, apply(configMap("a", { x: "1" })));
    await first.stop();

    const second = await running({ stateFile });
    const { body: after } = await second.ask(MAP);

    expect(after).toEqual(before);
    expect(second.address.caPem).toBe(first.address.caPem);
    expect(second.sandbox.store.version()).toBeGreaterThanOrEqual(first.sandbox.store.version());
  });

  it("answers 410 for a version before a compaction", async () => {
    const { ask, sandbox } = await running();
    const from = sandbox.store.version();
    await ask(`${MAP}?fieldManager=t`, apply(configMap("a", { x: "1" })));
    sandbox.store.compact();

    const { status, body } = await ask(`/api/v1/configmaps?watch=1&resourceVersion=${from}&timeoutSeconds=1`);

    expect(status).toBe(200);
    expect(body).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
  });
});

describe("what the sandbox does not emulate", () => {
  it("refuses admission webhooks, log streams and CEL rules with 501", async () => {
    const { ask } = await running();
    const webhook = await ask(
      "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/w?fieldManager=t",
      apply({
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name: "w" },
      }),
    );
    const log = await ask("/api/v1/namespaces/default/pods/p/log");
    const definition = (group: string, annotations: object = {}): Promise<Reply> =>
      ask(
        `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.${group}?fieldManager=t`,
        apply({
          apiVersion: "apiextensions.k8s.io/v1",
          kind: "CustomResourceDefinition",
          metadata: { name: `things.${group}`, annotations },
          spec: {
            group,
            scope: "Cluster",
            names: { kind: "Thing", plural: "things" },
            versions: [
              {
                name: "v1",
                served: true,
                storage: true,
                schema: { openAPIV3Schema: { type: "object", "x-kubernetes-validations": [{ rule: "true" }] } },
              },
            ],
          },
        }),
      );

    expect([webhook.status, log.status]).toEqual([501, 501]);
    expect((await definition("example.com")).status).toBe(501);
    expect((await definition("example.org", { "sandbox.driftless.dev/ignore-cel": "true" })).status).toBe(201);
    expect((await definition("kustomize.toolkit.fluxcd.io")).status).toBe(201);
  });
});

describe("readiness", () => {
  const path = "/apis/apps/v1/namespaces/default/deployments/web";
  const deployment = (image: string): RequestOptions =>
    apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } },
      },
    });
  const statusText = (reply: Reply): string => JSON.stringify((reply.body as { status?: unknown }).status);

  it("makes a workload ready, and keeps a never-ready image unready", async () => {
    const { ask } = await running();
    await ask(`${path}?fieldManager=t`, deployment("example.com/web:1"));
    const ready = await eventually(
      () => ask(path),
      (reply) => statusText(reply).includes("readyReplicas"),
    );
    await ask(`${path}?fieldManager=t`, deployment("example.com/web:never-ready"));
    const stuck = await eventually(
      () => ask(path),
      (reply) => statusText(reply).includes("unavailableReplicas"),
    );

    expect(ready.body).toMatchObject({
      status: { observedGeneration: 1, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2 },
    });
    expect(stuck.body).toMatchObject({
      metadata: { generation: 2, annotations: { "deployment.kubernetes.io/revision": "2" } },
      status: { observedGeneration: 2, unavailableReplicas: 2 },
    });
  });

  it("completes a job", async () => {
    const { ask } = await running();
    const job = "/apis/batch/v1/namespaces/default/jobs/once";
    await ask(
      `${job}?fieldManager=t`,
      apply({
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "once" },
        spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "example.com/c:1" }] } } },
      }),
    );

    const done = await eventually(
      () => ask(job),
      (reply) => statusText(reply).includes("Complete"),
    );

    expect(done.body).toMatchObject({ status: { succeeded: 1 } });
  });
});
