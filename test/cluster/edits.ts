/** Edits of every kind that somebody may make to an object that is applied, and changes that are no drift. */
import { isDeepStrictEqual } from "node:util";

import type { KubeObject, ObjectRef } from "../../shared/api/kube-object.ts";
import { refOf } from "../../shared/api/kube-object.ts";
import type { Cluster } from "../../shared/kubernetes/cluster.ts";

export interface Edit {
  readonly name: string;
  /** Name of the object. */
  readonly of: string;
  readonly make: (cluster: Cluster, namespace: string) => Promise<unknown>;
  readonly isRestored: (after: KubeObject, before: KubeObject | undefined) => boolean;
}

type Patch = Readonly<Record<string, unknown>>;

const labels = { app: "edited" };
const container = { name: "app", image: "registry.example.com/app:1.0.0" };
const template = (name: string) => ({ metadata: { labels: { app: name } }, spec: { containers: [container] } });

const kinds = {
  config: (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", data: { a: "1", b: "2" }, name }),
  secret: (name: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    stringData: undefined,
    data: { key: "c2VjcmV0" },
    name,
  }),
  service: (name: string) => ({
    apiVersion: "v1",
    kind: "Service",
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    name,
  }),
  account: (name: string) => ({ apiVersion: "v1", kind: "ServiceAccount", automountServiceAccountToken: false, name }),
  deployment: (name: string) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: template(name) },
    name,
  }),
  role: (name: string) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }],
    name,
  }),
  priority: (name: string) => ({
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    value: 10,
    description: "for tests",
    name,
  }),
} as const;
type KindName = keyof typeof kinds;

/** The objects are named after the kind and what happens to them. */
function objectOf(kind: KindName, name: string, namespace: string): KubeObject {
  const { name: _, ...content } = kinds[kind](name);
  const metadata = { name, labels, annotations: { note: "from Git" }, ...(kind === "priority" ? {} : { namespace }) };
  return JSON.parse(JSON.stringify({ ...content, metadata })) as KubeObject;
}

const refTo = (kind: KindName, name: string, namespace: string): ObjectRef => refOf(objectOf(kind, name, namespace));

/** All that Git says is there again, whatever else is. */
function holds(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((value, index) => holds(actual[index], value))
    );
  if (typeof expected !== "object" || expected === null) return isDeepStrictEqual(actual, expected);
  const found = (actual ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(expected).every(([name, value]) => holds(found[name], value));
}

type Make = (cluster: Cluster, ref: ObjectRef, object: KubeObject) => Promise<unknown>;

function edit(kind: KindName, what: string, make: Make, isRestored = (_: KubeObject) => true): Edit {
  const of = `${kind}-${what.replaceAll(/[^a-z0-9]+/g, "-")}`;
  return {
    name: `${kind}: ${what}`,
    of,
    make: (cluster, namespace) => make(cluster, refTo(kind, of, namespace), objectOf(kind, of, namespace)),
    isRestored: (after) => holds(after, objectOf(kind, of, after.metadata.namespace ?? "")) && isRestored(after),
  };
}

const by =
  (fieldManager: string, ...patches: readonly Patch[]): Make =>
  async (cluster, ref) => {
    for (const patch of patches) await cluster.mergePatch(ref, patch, { fieldManager });
  };
const kubectl = (...patches: readonly Patch[]): Make => by("kubectl-edit", ...patches);
const forced =
  (fieldManager: string, change: (object: KubeObject) => KubeObject): Make =>
  (cluster, _, object) =>
    cluster.apply(change(object), { fieldManager, force: true });
const meta = (metadata: Patch): Patch => ({ metadata });
const removed: Make = (cluster, ref) => cluster.delete(ref);
const madeAnew: Make = async (cluster, ref, object) => {
  await cluster.delete(ref);
  await cluster.create(object, "somebody");
};
const emptied: Make = (cluster, ref) =>
  cluster.jsonPatch(ref, [{ op: "replace", path: "/metadata/managedFields", value: [{}] }], { fieldManager: "eraser" });
const hasData = (expected: Patch) => (after: KubeObject) => isDeepStrictEqual(after.data, expected);
const anew = { a: "1", b: "2" };
const withoutKubectl = (after: KubeObject): boolean =>
  (after.metadata.managedFields ?? []).every(({ manager }) => !manager.startsWith("kubectl"));
const ownerLabel = "kustomize.toolkit.fluxcd.io/name";

export const edits: readonly Edit[] = [
  edit("config", "a value", kubectl({ data: { a: "edited" } })),
  edit("config", "a value twice within a second by one manager", kubectl({ data: { a: "x" } }, { data: { a: "y" } })),
  edit("config", "a key removed", kubectl({ data: { a: null } })),
  edit("config", "all keys removed", kubectl({ data: null })),
  edit("config", "a key added by kubectl edit", kubectl({ data: { c: "3" } }), hasData(anew)),
  edit("config", "a value by Flux's own manager name", by("kustomize-controller", { data: { a: "as Flux" } })),
  edit(
    "config",
    "a value by server-side apply under Flux's name",
    forced("kustomize-controller", (object) => ({ ...object, data: { a: "other", b: "2" } })),
  ),
  edit("config", "a label of Git's changed", kubectl(meta({ labels: { app: "edited-by-hand" } }))),
  edit("config", "a label of Git's removed", kubectl(meta({ labels: { app: null } }))),
  edit("config", "an annotation of Git's changed", kubectl(meta({ annotations: { note: "by hand" } }))),
  edit("config", "an annotation of Git's removed", kubectl(meta({ annotations: { note: null } }))),
  edit("config", "the owner label removed", kubectl(meta({ labels: { [ownerLabel]: null } }))),
  edit("config", "the owner label changed", kubectl(meta({ labels: { [ownerLabel]: "somebody-else" } }))),
  edit("config", "deleted", removed),
  edit("config", "deleted and made anew", madeAnew),
  edit("config", "deleted and made anew otherwise", async (cluster, ref, object) => {
    await cluster.delete(ref);
    await cluster.create({ ...object, data: { a: "otherwise" } }, "somebody");
  }),
  edit("config", "a value after its managed fields were emptied", async (cluster, ref, object) => {
    await emptied(cluster, ref, object);
    await kubectl({ data: { a: "after" } })(cluster, ref, object);
    await kubectl({ data: { a: "after again" } })(cluster, ref, object);
  }),
  edit(
    "config",
    "a value forced by another applier",
    forced("other-applier", (object) => ({ ...object, data: { a: "forced" } })),
  ),
  edit(
    "config",
    "ownership taken by kubectl apply of equal content",
    forced("kubectl", (object) => object),
    withoutKubectl,
  ),
  edit(
    "config",
    "made immutable and a label changed",
    kubectl(meta({ labels: { app: "other" } }), { immutable: false }),
  ),
  edit("secret", "a value", kubectl({ data: { key: "ZWRpdGVk" } })),
  edit("secret", "a value by stringData", kubectl({ stringData: { key: "edited" } })),
  edit("secret", "a key removed", kubectl({ data: { key: null } })),
  edit("secret", "a label", kubectl(meta({ labels: { app: "x" } }))),
  edit("secret", "deleted", removed),
  edit("secret", "deleted and made anew", madeAnew),
  edit("service", "a port", kubectl({ spec: { ports: [{ name: "http", port: 80, targetPort: 9090 }] } })),
  edit("service", "a selector", kubectl({ spec: { selector: { app: "other" } } })),
  edit("service", "deleted", removed),
  edit("account", "a field", kubectl({ automountServiceAccountToken: true })),
  edit("account", "a field removed", kubectl({ automountServiceAccountToken: null })),
  edit("account", "deleted", removed),
  edit("deployment", "the image", async (cluster, ref) =>
    cluster.jsonPatch(ref, [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "other:2" }], {
      fieldManager: "kubectl-set",
    }),
  ),
  edit("deployment", "replicas", kubectl({ spec: { replicas: 1 } })),
  edit("deployment", "a container added", async (cluster, ref) =>
    cluster.jsonPatch(
      ref,
      [{ op: "add", path: "/spec/template/spec/containers/-", value: { name: "extra", image: "extra:1" } }],
      { fieldManager: "kubectl-edit" },
    ),
  ),
  edit("deployment", "a label of the template removed and added anew", async (cluster, ref) =>
    cluster.mergePatch(
      ref,
      { metadata: { labels: { app: "gone" } }, spec: { paused: true, replicas: 0 } },
      {
        fieldManager: "kubectl-patch",
      },
    ),
  ),
  edit("deployment", "deleted", removed),
  edit("role", "rules", kubectl({ rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] })),
  edit("role", "rules removed", kubectl({ rules: null })),
  edit("role", "deleted", removed),
  edit("priority", "the description, of a kind whose generation never moves", kubectl({ description: "edited" })),
  edit("priority", "deleted", removed),
];

/** Everything that is edited, and one of each kind that is not. */
export function wanted(namespace: string): readonly KubeObject[] {
  const untouched = (Object.keys(kinds) as KindName[]).map((kind) => objectOf(kind, `${kind}-untouched`, namespace));
  const edited = edits.map(({ of }) => {
    const [kind] = of.split("-") as [KindName];
    return objectOf(kind, of, namespace);
  });
  return [...edited, ...untouched];
}

/** Status, annotations and labels of others, an autoscaler's wish where Git has none, a write that changes nothing. */
export async function harmless(cluster: Cluster, namespace: string): Promise<void> {
  const deployment = refTo("deployment", "deployment-untouched", namespace);
  const condition = { type: "Tested", status: "True", reason: "Test", message: "by a test" };
  const status = { fieldManager: "some-controller", subresource: "status" } as const;
  await cluster.mergePatch(deployment, { status: { conditions: [condition] } }, status);
  await cluster.mergePatch(
    deployment,
    { metadata: { annotations: { "deployment.kubernetes.io/revision": "7" } } },
    {
      fieldManager: "kube-controller-manager",
    },
  );
  await cluster.mergePatch(
    refTo("config", "config-untouched", namespace),
    { data: { a: "1" } },
    {
      fieldManager: "kubectl-edit",
    },
  );
}
