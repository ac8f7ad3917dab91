/** What the engine relies on: LIST, WATCH, deletion, namespaces, definitions, access. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { RequestOptions, Target, WatchLine } from "./target.ts";

type Json = Record<string, unknown>;

interface Kept {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly status?: Json;
}

const APPLY = "application/apply-patch+yaml";
const METADATA_LIST = { accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" };

const configMap = (namespace: string, name: string, data: object, labels: object = {}): Json => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace, labels },
  data,
});

/** Asks again until the condition holds; controllers need a moment. */
export async function eventually<T>(
  ask: () => Promise<T>,
  holds: (value: T) => boolean,
  patienceMs = 8_000,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const value = await ask();
    if (holds(value) || Date.now() > deadline) return value;
    await pause(50);
  }
}

export function describeBehaviours(target: () => Target): void {
  const ask = async (path: string, options: RequestOptions = {}): Promise<{ status: number; body: Json & Kept }> => {
    const { status, body } = await target().request(path, options);
    return { status, body: body as Json & Kept };
  };
  const apply = (path: string, body: Json): Promise<{ status: number; body: Json & Kept }> =>
    ask(`${path}?fieldManager=kustomize-controller&force=true`, { method: "PATCH", contentType: APPLY, body });
  const inNamespace = async (name: string): Promise<string> => {
    await ask("/api/v1/namespaces", {
      method: "POST",
      body: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
    });
    return `/api/v1/namespaces/${name}`;
  };
  const names = (body: Json): string[] => (body.items as Kept[]).map((item) => item.metadata.name);

  describe("LIST", () => {
    it("selects by label and by name, and pages", async () => {
      const base = await inNamespace("b-list");
      for (const name of ["a", "b", "c"])
        await apply(
          `${base}/configmaps/${name}`,
          configMap("b-list", name, {}, { part: name === "c" ? "two" : "one" }),
        );

      const labelled = await ask(`${base}/configmaps?labelSelector=${encodeURIComponent("part in (one),part")}`);
      const named = await ask(`${base}/configmaps?fieldSelector=metadata.name%3Db`);
      const first = await ask(`${base}/configmaps?limit=2&labelSelector=part`);
      const metadata = first.body.metadata as unknown as { continue: string };
      const second = await ask(`${base}/configmaps?limit=2&labelSelector=part&continue=${metadata.continue}`);

      expect(names(labelled.body)).toEqual(["a", "b"]);
      expect(names(named.body)).toEqual(["b"]);
      expect(names(first.body)).toEqual(["a", "b"]);
      expect(names(second.body)).toEqual(["c"]);
    });

    it("gives metadata alone when asked to", async () => {
      const base = await inNamespace("b-metadata");
      const { body: made } = await apply(`${base}/configmaps/a`, configMap("b-metadata", "a", { x: "1" }, { l: "1" }));

      const { body } = await ask(`${base}/configmaps?labelSelector=l`, { headers: METADATA_LIST });

      expect(body).toMatchObject({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" });
      expect(body.items).toEqual([{ metadata: made.metadata, ...typeOf(body) }]);
    });

    it("answers 504 for a version from the future", async () => {
      const { status, body } = await ask("/api/v1/namespaces?resourceVersion=99999999");

      expect(status).toBe(504);
      expect(body.details).toMatchObject({ causes: [{ reason: "ResourceVersionTooLarge" }] });
    });
  });

  describe("WATCH", () => {
    const versionOf = async (path: string): Promise<string> => {
      const { body } = await ask(path);
      return body.metadata.resourceVersion;
    };
    const brief = (lines: readonly WatchLine[]): string[] =>
      lines.map(({ type, object }) => `${type} ${(object as unknown as Kept).metadata.name}`);

    it("delivers what happened after a version, in order", async () => {
      const base = await inNamespace("b-watch");
      const from = await versionOf(`${base}/configmaps`);
      await apply(`${base}/configmaps/a`, configMap("b-watch", "a", { x: "1" }));
      await apply(`${base}/configmaps/a`, configMap("b-watch", "a", { x: "2" }));
      await ask(`${base}/configmaps/a`, { method: "DELETE" });

      const lines = await target().watch(
        `${base}/configmaps?watch=1&resourceVersion=${from}&timeoutSeconds=1&fieldSelector=metadata.name%3Da`,
        3,
      );

      expect(brief(lines)).toEqual(["ADDED a", "MODIFIED a", "DELETED a"]);
      const versions = lines.map(({ object }) => Number((object as unknown as Kept).metadata.resourceVersion));
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
    });

    it("shows objects that enter and leave a selection as added and deleted", async () => {
      const base = await inNamespace("b-select");
      await apply(`${base}/configmaps/a`, configMap("b-select", "a", {}, { part: "no" }));
      const from = await versionOf(`${base}/configmaps`);
      await apply(`${base}/configmaps/a`, configMap("b-select", "a", {}, { part: "yes" }));
      await apply(`${base}/configmaps/a`, configMap("b-select", "a", {}, { part: "no" }));

      const lines = await target().watch(
        `${base}/configmaps?watch=1&resourceVersion=${from}&timeoutSeconds=1&labelSelector=part%3Dyes`,
        2,
      );

      expect(brief(lines)).toEqual(["ADDED a", "DELETED a"]);
    });

    it("delivers metadata alone when asked to, and ends at its timeout", async () => {
      const base = await inNamespace("b-watch-metadata");
      const from = await versionOf(`${base}/configmaps`);
      await apply(`${base}/configmaps/a`, configMap("b-watch-metadata", "a", { x: "1" }));

      const { status, body } = await target().request(
        `${base}/configmaps?watch=1&resourceVersion=${from}&timeoutSeconds=1&fieldSelector=metadata.name%3Da`,
        {
          headers: { accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" },
        },
      );

      expect(status).toBe(200);
      const [line] =
        typeof body === "string" ? [JSON.parse(body.split("\n")[0] ?? "{}") as WatchLine] : [body as WatchLine];
      expect(line).toMatchObject({ type: "ADDED", object: { kind: "PartialObjectMetadata", metadata: { name: "a" } } });
      expect(line.object.data).toBeUndefined();
    });

    it("answers 410 inside a 200 for a version that is no longer kept", async () => {
      const lines = await target().watch(
        "/apis/t.example.com/v1/widgets?watch=1&resourceVersion=1&timeoutSeconds=1",
        1,
      );

      expect(lines).toMatchObject([{ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }]);
    });
  });

  describe("deletion", () => {
    it("collects what the deleted object owned", async () => {
      const base = await inNamespace("b-owners");
      const { body: owner } = await apply(`${base}/configmaps/owner`, configMap("b-owners", "owner", {}));
      const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid }];
      const owned = configMap("b-owners", "owned", {});
      await apply(`${base}/configmaps/owned`, {
        ...owned,
        metadata: { ...(owned.metadata as Json), ownerReferences },
      });
      await pause(300);

      await ask(`${base}/configmaps/owner?propagationPolicy=Background`, { method: "DELETE" });

      const { status } = await eventually(
        () => ask(`${base}/configmaps/owned`),
        (reply) => reply.status === 404,
      );
      expect(status).toBe(404);
    });

    it("ends a namespace with its content, and refuses new content meanwhile", async () => {
      const base = await inNamespace("b-ending");
      const held = configMap("b-ending", "held", {});
      await apply(`${base}/configmaps/held`, {
        ...held,
        metadata: { ...(held.metadata as Json), finalizers: ["example.com/hold"] },
      });
      await apply(`${base}/configmaps/free`, configMap("b-ending", "free", {}));

      const { body: ending } = await ask(base, { method: "DELETE" });
      const refused = await apply(`${base}/configmaps/late`, configMap("b-ending", "late", {}));
      const free = await eventually(
        () => ask(`${base}/configmaps/free`),
        (reply) => reply.status === 404,
      );
      const still = await ask(base);
      await ask(`${base}/configmaps/held`, {
        method: "PATCH",
        contentType: "application/merge-patch+json",
        body: { metadata: { finalizers: null } },
      });
      const gone = await eventually(
        () => ask(base),
        (reply) => reply.status === 404,
        15_000,
      );

      expect(ending.status).toMatchObject({ phase: "Terminating" });
      expect(refused).toMatchObject({
        status: 403,
        body: {
          message:
            'configmaps "late" is forbidden: unable to create new content in namespace b-ending because it is being terminated',
        },
      });
      expect([free.status, still.status, gone.status]).toEqual([404, 200, 404]);
    });

    it("ends a definition with its objects", async () => {
      const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      const body = {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: "gadgets.b.example.com" },
        spec: {
          group: "b.example.com",
          scope: "Cluster",
          names: { kind: "Gadget", plural: "gadgets" },
          versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
        },
      };
      await apply(`${definitions}/gadgets.b.example.com`, body);
      const made = await eventually(
        () =>
          ask("/apis/b.example.com/v1/gadgets?fieldManager=t", {
            method: "POST",
            body: { apiVersion: "b.example.com/v1", kind: "Gadget", metadata: { name: "g" } },
          }),
        (reply) => reply.status === 201,
      );

      const { body: ending } = await ask(`${definitions}/gadgets.b.example.com`, { method: "DELETE" });
      const gone = await eventually(
        () => ask(`${definitions}/gadgets.b.example.com`),
        (reply) => reply.status === 404,
      );
      const { status } = await eventually(
        () => ask("/apis/b.example.com/v1/gadgets"),
        (reply) => reply.status === 404,
      );

      expect(made.status).toBe(201);
      expect(ending.metadata.deletionTimestamp).toBeDefined();
      expect([gone.status, status]).toEqual([404, 404]);
    });
  });

  describe("workloads", () => {
    it("gives every namespace its default service account", async () => {
      const base = await inNamespace("b-account");

      const { status } = await eventually(
        () => ask(`${base}/serviceaccounts/default`),
        (reply) => reply.status === 200,
      );

      expect(status).toBe(200);
    });

    it("observes a deployment without replicas as available", async () => {
      await inNamespace("b-ready");
      const path = "/apis/apps/v1/namespaces/b-ready/deployments/app";
      const template = {
        metadata: { labels: { app: "app" } },
        spec: { containers: [{ name: "app", image: "example.com/app:1" }] },
      };
      await apply(path, {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "app", namespace: "b-ready" },
        spec: { replicas: 0, selector: { matchLabels: { app: "app" } }, template },
      });

      const { body } = await eventually(
        () => ask(path),
        (reply) => JSON.stringify(reply.body.status).includes("NewReplicaSetAvailable"),
      );

      expect(body.status).toMatchObject({
        observedGeneration: 1,
        conditions: [
          { type: "Available", status: "True" },
          { type: "Progressing", status: "True" },
        ],
      });
      expect(body.metadata).toMatchObject({ annotations: { "deployment.kubernetes.io/revision": "1" }, generation: 1 });
    });

    it("scales through the subresource", async () => {
      await inNamespace("b-scale");
      const path = "/apis/apps/v1/namespaces/b-scale/deployments/app";
      const template = {
        metadata: { labels: { app: "app" } },
        spec: { containers: [{ name: "app", image: "example.com/app:1" }] },
      };
      await apply(path, {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "app", namespace: "b-scale" },
        spec: { replicas: 0, paused: true, selector: { matchLabels: { app: "app" } }, template },
      });

      const { body } = await ask(`${path}/scale?fieldManager=scaler`, {
        method: "PATCH",
        contentType: "application/merge-patch+json",
        body: { spec: { replicas: 2 } },
      });
      const { body: scaled } = await ask(path);

      expect(body).toMatchObject({ kind: "Scale", spec: { replicas: 2 }, status: { selector: "app=app" } });
      expect(scaled).toMatchObject({ spec: { replicas: 2 }, metadata: { generation: 2 } });
      const managers = (scaled.metadata as unknown as { managedFields: Json[] }).managedFields.filter(
        (entry) => !String(entry.manager).startsWith("kube-"),
      );
      expect(managers.map(({ manager, operation, subresource }) => [manager, operation, subresource])).toEqual([
        ["kustomize-controller", "Apply", undefined],
        ["scaler", "Update", "scale"],
      ]);
    });
  });

  describe("access", () => {
    const as = (user: string): RequestOptions => ({ headers: { "impersonate-user": user } });

    it("holds an impersonated service account to its roles", async () => {
      const base = await inNamespace("b-access");
      const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/b-access";
      const account = "system:serviceaccount:b-access:app";
      const before = await ask(`${base}/configmaps`, as(account));
      await apply(`${rbac}/roles/read`, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "Role",
        metadata: { name: "read", namespace: "b-access" },
        rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] }],
      });
      await apply(`${rbac}/rolebindings/read`, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name: "read", namespace: "b-access" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "read" },
        subjects: [{ kind: "ServiceAccount", name: "app", namespace: "b-access" }],
      });

      const listed = await eventually(
        () => ask(`${base}/configmaps`, as(account)),
        (reply) => reply.status === 200,
      );
      const written = await ask(`${base}/configmaps/a?fieldManager=x`, {
        ...as(account),
        method: "PATCH",
        contentType: APPLY,
        body: configMap("b-access", "a", {}),
      });
      const elsewhere = await ask("/api/v1/namespaces/default/secrets/x", as(account));

      expect(before).toMatchObject({
        status: 403,
        body: {
          reason: "Forbidden",
          message: `configmaps is forbidden: User "${account}" cannot list resource "configmaps" in API group "" in the namespace "b-access"`,
        },
      });
      expect(listed.status).toBe(200);
      expect(written.body.message).toBe(
        `configmaps "a" is forbidden: User "${account}" cannot patch resource "configmaps" in API group "" in the namespace "b-access"`,
      );
      expect(elsewhere.body.message).toBe(
        `secrets "x" is forbidden: User "${account}" cannot get resource "secrets" in API group "" in the namespace "default"`,
      );
    });

    it("names a role that a binding misses, and refuses to impersonate without the right", async () => {
      const rbac = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b-missing";
      await apply(rbac, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "b-missing" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "b-absent" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "mallory" }],
      });

      const { body } = await eventually(
        () => ask("/api/v1/nodes", as("mallory")),
        (reply) => String(reply.body.message).includes("RBAC"),
      );

      expect(body.message).toBe(
        'nodes is forbidden: User "mallory" cannot list resource "nodes" in API group "" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "b-absent" not found',
      );
    });

    it("lets everybody who logged in discover", async () => {
      const { status } = await ask("/apis", as("somebody"));

      expect(status).toBe(200);
    });

    it("tells who asks", async () => {
      const { body } = await ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
        ...as("system:serviceaccount:a:b"),
        method: "POST",
        body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      });

      expect(body.status).toEqual({
        userInfo: {
          username: "system:serviceaccount:a:b",
          groups: ["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"],
        },
      });
    });
  });
}

/** Items of a metadata list say what they are on some servers only. */
const typeOf = (list: Json): Json => {
  const [item] = list.items as Json[];
  return { ...(item?.kind ? { kind: item.kind, apiVersion: item.apiVersion } : {}) };
};
