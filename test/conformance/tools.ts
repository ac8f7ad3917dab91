/** The command line tools that users have: kubectl and flux, against either server. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "./behaviours.ts";
import type { Target } from "./target.ts";

const MANIFESTS = `
apiVersion: v1
kind: Namespace
metadata: {name: k-tools}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: k-tools}
data: {x: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: k-tools}
spec:
  replicas: 0
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - {name: app, image: "example.com/app:1", env: [{name: A, value: "1"}]}
`;

const FLUX_OBJECTS = `
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1m, url: "https://example.com/fleet.git", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: fleet}}
`;

export function describeTools(target: () => Target): void {
  const kubectl = async (args: string, input = ""): Promise<string> => {
    const result = await target().kubectl?.(args.split(" "), input);
    return `${result?.stdout ?? ""}${result?.stderr ?? ""}`.trim();
  };

  describe("kubectl", () => {
    it("applies, twice the same, changes, annotates, waits, deletes", async ({ skip }) => {
      if (!target().kubectl) skip("kubectl not built (test/real/build.sh kubectl)");
      expect(await kubectl("apply -f -", MANIFESTS)).toBe(
        "namespace/k-tools created\nconfigmap/a created\ndeployment.apps/app created",
      );
      expect(await kubectl("apply -f -", MANIFESTS)).toBe(
        "namespace/k-tools unchanged\nconfigmap/a unchanged\ndeployment.apps/app unchanged",
      );
      expect(await kubectl("apply -f -", MANIFESTS.replace("app:1", "app:2").replace('"A"', "A"))).toBe(
        "namespace/k-tools unchanged\nconfigmap/a unchanged\ndeployment.apps/app configured",
      );
      expect(await kubectl("get deploy app -n k-tools -o jsonpath={.spec.template.spec.containers[0].image}")).toBe(
        "example.com/app:2",
      );
      expect(await kubectl("annotate cm a -n k-tools note=1 --overwrite")).toBe("configmap/a annotated");
      expect(await kubectl("wait -n k-tools deploy/app --for=condition=Available --timeout=10s")).toBe(
        "deployment.apps/app condition met",
      );
      expect(await kubectl("rollout status -n k-tools deploy/app --timeout=10s")).toContain("successfully rolled out");
      expect(await kubectl("delete cm a -n k-tools")).toBe('configmap "a" deleted from k-tools namespace');
      expect(await kubectl("get cm a -n k-tools")).toBe('Error from server (NotFound): configmaps "a" not found');
    });

    it("applies on the server's side, reports conflicts and unknown fields", async ({ skip }) => {
      if (!target().kubectl) skip("kubectl not built (test/real/build.sh kubectl)");
      await kubectl("create namespace k-server");
      const body = (value: string): string =>
        `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: k-server}, data: {x: "${value}"}}`;
      expect(await kubectl("apply --server-side --field-manager=one -f -", body("1"))).toBe(
        "configmap/a serverside-applied",
      );
      expect(await kubectl("apply --server-side --field-manager=two -f -", body("2"))).toContain(
        'Apply failed with 1 conflict: conflict with "one": .data.x',
      );
      expect(await kubectl("apply --server-side --field-manager=two --force-conflicts -f -", body("2"))).toBe(
        "configmap/a serverside-applied",
      );
      expect(
        await kubectl(
          "apply -f -",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: k-server}, dada: {}}",
        ),
      ).toContain('unknown field "dada"');
      expect(await kubectl("diff --server-side --field-manager=two -f -", body("3"))).toMatch(
        /- {2}x: "2"\n\+ {2}x: "3"/,
      );
      expect(
        await kubectl("apply -f -", "{apiVersion: none.example.com/v1, kind: Nothing, metadata: {name: b}}"),
      ).toContain('no matches for kind "Nothing" in version "none.example.com/v1"');
    });

    it("prints tables and names what it may do", async ({ skip }) => {
      if (!target().kubectl) skip("kubectl not built (test/real/build.sh kubectl)");
      expect(await kubectl("get ns default")).toMatch(/^NAME +STATUS +AGE\ndefault +Active +\S+$/);
      expect(await kubectl("get deploy -n k-tools")).toMatch(
        /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\napp +0\/0 +0 +0 +\S+$/,
      );
      expect(await kubectl("auth can-i create deployments --as=nobody")).toContain("no");
      expect(await kubectl("auth can-i create deployments")).toBe("yes");
      expect(await kubectl("auth whoami -o jsonpath={.status.userInfo.groups}")).toContain("system:masters");
      expect(await kubectl("api-resources --api-group=apps -o name")).toBe(
        "controllerrevisions.apps\ndaemonsets.apps\ndeployments.apps\nreplicasets.apps\nstatefulsets.apps",
      );
      expect(await kubectl("version -o json")).toContain('"gitVersion": "v1.36.3"');
    });
  });

  describe("Flux's definitions and command line", () => {
    it("shows and triggers Flux objects", async ({ skip }) => {
      const { fluxDefinitions, flux, kubectl: tool } = target();
      if (!fluxDefinitions || !flux || !tool)
        return skip("flux or its definitions not built (test/real/build.sh kubectl flux-cli controllers)");
      await kubectl("create namespace flux-system");
      const applied = await kubectl(`apply --server-side ${fluxDefinitions.map((folder) => `-f ${folder}`).join(" ")}`);
      expect(applied).not.toMatch(/error|warning/i);
      await kubectl(
        "wait --for=condition=Established crd kustomizations.kustomize.toolkit.fluxcd.io gitrepositories.source.toolkit.fluxcd.io --timeout=10s",
      );
      await eventually(
        () => kubectl("get kustomizations -A"),
        (text) => text === "No resources found",
      );
      expect(await kubectl("apply --server-side -f -", FLUX_OBJECTS)).toContain(
        "kustomization.kustomize.toolkit.fluxcd.io/apps serverside-applied",
      );
      const patch = {
        status: {
          observedGeneration: 1,
          lastAppliedRevision: "main@sha1:abc",
          conditions: [
            {
              type: "Ready",
              status: "True",
              reason: "ReconciliationSucceeded",
              message: "Applied revision: main@sha1:abc",
              lastTransitionTime: "2026-01-01T00:00:00Z",
              observedGeneration: 1,
            },
          ],
        },
      };
      const written = await target().request(
        "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/apps/status?fieldManager=gotk-kustomize-controller",
        { method: "PATCH", contentType: "application/merge-patch+json", body: patch },
      );
      expect(written.status).toBe(200);

      expect((await flux(["get", "kustomizations"])).stdout).toMatch(
        /apps\s+main@sha1:abc\s+False\s+True\s+Applied revision: main@sha1:abc/,
      );
      expect(await kubectl("get ks -n flux-system")).toMatch(
        /^NAME +AGE +READY +STATUS\napps +\S+ +True +Applied revision: main@sha1:abc$/,
      );
      expect((await flux(["suspend", "kustomization", "apps"])).code).toBe(0);
      expect((await flux(["get", "ks", "apps"])).stdout).toMatch(/apps\s+main@sha1:abc\s+True/);
      expect(await kubectl("get ks apps -n flux-system -o jsonpath={.spec.suspend}")).toBe("true");
    });

    it("waits in flux reconcile for whoever handles the request", async ({ skip }) => {
      const { flux, fluxDefinitions } = target();
      if (!flux || !fluxDefinitions)
        return skip("flux or its definitions not built (test/real/build.sh flux-cli controllers)");
      const path = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/fleet";
      const read = async (): Promise<string | undefined> => {
        const { body } = await target().request(path);
        return (body as { metadata?: { annotations?: Record<string, string> } }).metadata?.annotations?.[
          "reconcile.fluxcd.io/requestedAt"
        ];
      };
      const handle = eventually(read, (value) => value !== undefined).then((requestedAt) => {
        const status = {
          lastHandledReconcileAt: requestedAt,
          observedGeneration: 1,
          artifact: {
            revision: "main@sha1:def",
            digest: `sha256:${"0".repeat(64)}`,
            path: "x",
            url: "http://example.com/x",
            lastUpdateTime: "2026-01-01T00:00:00Z",
          },
          conditions: [
            {
              type: "Ready",
              status: "True",
              reason: "Succeeded",
              message: "stored artifact",
              lastTransitionTime: "2026-01-01T00:00:00Z",
              observedGeneration: 1,
            },
          ],
        };
        return target().request(`${path}/status?fieldManager=source-controller`, {
          method: "PATCH",
          contentType: "application/merge-patch+json",
          body: { status },
        });
      });

      const result = await flux(["reconcile", "source", "git", "fleet", "--timeout=20s"]);

      expect((await handle).status).toBe(200);
      expect(`${result.stdout}${result.stderr}`).toContain("fetched revision main@sha1:def");
      expect(result.code).toBe(0);
    });
  });

  describe("kustomizations from a folder", () => {
    it("accepts kubectl apply -k", async ({ skip }) => {
      if (!target().kubectl) skip("kubectl not built (test/real/build.sh kubectl)");
      const folder = mkdtempSync(join(tmpdir(), "driftless-kustomize-"));
      writeFileSync(
        join(folder, "kustomization.yaml"),
        "configMapGenerator: [{name: gen, namespace: default, literals: [a=b]}]\n",
      );
      const text = await kubectl(`apply -k ${folder}`);
      rmSync(folder, { recursive: true });

      expect(text).toMatch(/^configmap\/gen-\w+ created$/);
    });
  });
}
