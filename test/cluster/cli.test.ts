/** The verbs that only look, beside the real Flux CLI on a real API server: the same output and the same exit code. */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { conclude } from "../../cli/conclude.ts";
import { withGoFlags } from "../../cli/go-flags.ts";

import { createProgram } from "../../cli/program.ts";
import { customResourceDefinitions } from "../../shared/api/crd.ts";
import { type KubeObject, refOf } from "../../shared/api/kube-object.ts";
import { KubeError } from "../../shared/kubernetes/cluster.ts";
import { createCluster, type OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { connectKubeconfig } from "../../shared/kubernetes/kubeconfig.ts";
import { parseKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { aWorld, programPorts } from "../cli/world.ts";
import { missingForCluster, realBinary, type RealCluster, startRealCluster } from "../real/up.ts";
import { renderTools, temporaryDirectory } from "../shared/render/tools.ts";

const missing = missingForCluster("flux");
const directory = temporaryDirectory();

const inCluster = `
apiVersion: v1
kind: Namespace
metadata: { name: flux-system }
---
apiVersion: v1
kind: Namespace
metadata: { name: apps, labels: { kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system } }
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: { name: fleet, namespace: flux-system, annotations: { note: a long note that goes on until it has to be folded because it is wider than the page of the printer } }
spec: { interval: 1m, url: https://git.example.com/fleet, ref: { branch: main }, secretRef: { name: git } }
status:
  observedGeneration: 1
  artifact: { revision: "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f", digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", lastUpdateTime: "2026-01-01T10:00:00Z", path: p, url: http://u, size: 1 }
  conditions: [{ type: Ready, status: "True", reason: Succeeded, message: stored artifact, lastTransitionTime: "2026-01-01T10:00:00Z" }]
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: { name: apps, namespace: flux-system }
spec:
  interval: 10m
  retryInterval: 90s
  prune: true
  wait: false
  path: ./apps
  targetNamespace: apps
  sourceRef: { kind: GitRepository, name: fleet }
  patches: [{ patch: "- {op: add, path: /metadata/labels/a, value: b}", target: { kind: Service } }]
  postBuild:
    substitute: { REGION: eu-central-1, EMPTY: "" }
    substituteFrom: [{ kind: ConfigMap, name: vars }, { kind: Secret, name: vars }, { kind: Secret, name: none, optional: true }]
status:
  observedGeneration: 1
  lastAppliedRevision: "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f"
  conditions: [{ type: Ready, status: "True", reason: ReconciliationSucceeded, message: "Applied revision: main@sha1:696f056df216eea4f9401adbee0ff744d4df390f", lastTransitionTime: "2026-01-01T10:00:00Z" }]
  history: [{ digest: "sha256:1", firstReconciled: "2026-01-01T10:00:00Z", lastReconciled: "2026-01-01T10:00:00Z", lastReconciledDuration: 300ms, lastReconciledStatus: ReconciliationSucceeded, totalReconciliations: 2, metadata: { originRevision: abc } }]
  inventory:
    entries:
      - { id: _apps__Namespace, v: v1 }
      - { id: flux-system_below_kustomize.toolkit.fluxcd.io_Kustomization, v: v1 }
      - { id: apps_web_apps_Deployment, v: v1 }
      - { id: apps_settings__ConfigMap, v: v1 }
      - { id: apps_gone__ConfigMap, v: v1 }
      - { id: "_system__admins_rbac.authorization.k8s.io_ClusterRole", v: v1 }
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: { name: below, namespace: flux-system, labels: { kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system } }
spec: { interval: 10m, prune: false, path: ./below, sourceRef: { kind: GitRepository, name: fleet } }
status:
  conditions: [{ type: Ready, status: "False", reason: BuildFailed, message: "kustomize build failed", lastTransitionTime: "2026-01-01T10:00:00Z" }]
  inventory: { entries: [{ id: apps_leaf__Secret, v: v1 }] }
---
apiVersion: v1
kind: Secret
metadata: { name: git, namespace: flux-system }
stringData: { username: git, password: hunter2 }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: vars, namespace: flux-system }
data: { REGION: us-east-1, TIER: "gold\\nand silver" }
---
apiVersion: v1
kind: Secret
metadata: { name: vars, namespace: flux-system }
stringData: { TOKEN: "s3cret" }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: apps, labels: { app: web, kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system } }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: "web:1", args: [--one, --two, --three], env: [{ name: A, value: "1" }, { name: B, value: "2" }] }
        - { name: old, image: "old:1" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: apps }
data: { text: "first\\nsecond\\nthird\\nfourth\\n", one: same, two: before, list: "a, b", blank: "a b" }
---
apiVersion: v1
kind: Secret
metadata: { name: leaf, namespace: apps }
stringData: { kept: same, changed: before, gone: x }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once, namespace: apps }
spec: { suspend: true, template: { spec: { restartPolicy: Never, containers: [{ name: a, image: "a:1" }] } } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: loose, namespace: apps }
data: {}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: left-alone, namespace: apps, annotations: { kustomize.toolkit.fluxcd.io/reconcile: disabled } }
data: { a: "1" }
`;

const files: Readonly<Record<string, string>> = {
  "apps/web.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web, region: "\${REGION}" } }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: sidecar, image: "side:1", resources: { limits: { memory: 1Gi } } }
        - { name: web, image: "web:2", args: [--three, --one, --two], env: [{ name: B, value: "\${TIER}" }, { name: C, value: "yes" }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, labels: {} }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`,
  "apps/settings.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { text: "first\\nsecond!\\nthird\\nfifth\\n", one: same, two: after, three: "new: value", list: "a,  b", blank: " a b" }
---
apiVersion: v1
kind: Secret
metadata: { name: leaf }
stringData: { kept: same, changed: after, fresh: "\${TOKEN}" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: left-alone }
data: { a: "2" }
`,
  "job/job.yaml": `
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec: { suspend: true, template: { spec: { restartPolicy: Never, containers: [{ name: a, image: "a:2" }] } } }
`,
  "refused/job.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: { name: UPPER }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 99999999 }] }
`,
  "unknown/thing.yaml": `
apiVersion: example.com/v1
kind: Thing
metadata: { name: a, namespace: apps }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: a, namespace: nowhere }
`,
  "forced/job.yaml": `
apiVersion: batch/v1
kind: Job
metadata: { name: once, namespace: apps, annotations: { kustomize.toolkit.fluxcd.io/force: enabled } }
spec: { suspend: true, template: { spec: { restartPolicy: Never, containers: [{ name: a, image: "a:2" }] } } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: loose, namespace: apps, annotations: { kustomize.toolkit.fluxcd.io/ssa: IfNotPresent } }
data: { a: b }
`,
  "nested/kustomization.yaml": `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [below.yaml]
transformers:
  - |
    apiVersion: builtin
    kind: NamespaceTransformer
    metadata: { name: x, namespace: flux-system }
`,
  "nested/below.yaml": `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: { name: below }
spec: { interval: 10m, prune: false, path: ./nothing, sourceRef: { kind: GitRepository, name: fleet, namespace: flux-system } }
`,
  "unset/a.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data: { a: "\${NOT_SET}" }
`,
  "nothing/settings.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: { name: loose }
`,
};

describe.skipIf(missing)(`driftless and flux${missing ? `: ${missing}` : ""}`, () => {
  let real: RealCluster;
  let cluster: OpenCluster;
  let ours: (command: string) => Promise<Result>;

  beforeAll(async () => {
    real = await startRealCluster();
    cluster = createCluster(await connectKubeconfig({ path: real.kubeconfigPath }));
    for (const object of customResourceDefinitions()) await create(object);
    for (const object of parseKubeYaml(inCluster)) await create(object);
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const tools = await renderTools(directory);
    ours = async (command) => {
      const world = aWorld([], { clusters: [{ name: "real", cluster }] });
      const program = createProgram({ ...programPorts(world, tools), workingDirectory: directory }, {});
      const { exitCode, text } = await program
        .parseAsync(withGoFlags(program, command.split(" ")), { from: "user" })
        .then(() => ({ exitCode: 0, text: "" }), conclude);
      return { code: exitCode, stdout: world.stdout(), stderr: world.stderr() + text };
    };
  });
  afterAll(async () => {
    await cluster.close();
    await real.stop();
  });

  async function create(object: KubeObject): Promise<void> {
    const { status, ...rest } = object;
    const options = { fieldManager: "kustomize-controller", force: true } as const;
    for (let attempt = 0; ; attempt += 1)
      try {
        await cluster.apply(
          { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata },
          options,
        );
        break;
      } catch (error) {
        if (!(error instanceof KubeError) || attempt > 30) throw error;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    if (status !== undefined)
      await cluster.mergePatch(refOf(object), { status }, { fieldManager: "test", subresource: "status" });
  }

  const theirs = (command: string): Promise<Result> =>
    new Promise((resolve) => {
      const options = { cwd: directory, env: { KUBECONFIG: real.kubeconfigPath, HOME: directory, PATH: "" } };
      execFile(realBinary("flux") ?? "", command.split(" "), options, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
      );
    });

  it.each([
    "export kustomization apps",
    "export kustomization --all",
    "export ks none",
    "export source git fleet",
    "export source git fleet --with-credentials",
    "export source git --all -n apps",
    "tree kustomization apps",
    "tree ks apps --compact",
    "tree ks apps -o json",
    "tree ks apps -o yaml",
    "tree ks none",
    "trace -n apps deployment web",
    "trace -n apps deploy/web ns/apps",
    "trace kustomization below",
    "trace namespace apps",
    "trace -n apps cm loose",
    "trace -n apps cm none",
    "trace web -n apps --kind=deployment --api-version=apps/v1",
    "trace",
    "debug kustomization apps --show-vars",
    "debug kustomization apps --show-history",
    "debug ks apps --show-status",
    "debug ks below --show-history",
    "debug ks below --show-vars",
    "debug ks apps --show-vars --show-status",
    "build kustomization apps --path apps",
    "build ks apps --path apps --strict-substitute",
    "build ks none --path apps",
    "diff kustomization apps --path apps",
    "diff ks apps --path apps --progress-bar=false",
    "diff ks apps --path job",
    "diff ks apps --path none",
    "diff ks below --path nothing",
    "diff ks apps --path refused",
    "diff ks below --path unknown",
    "diff ks below --path forced",
    "diff ks apps --path nested --recursive --local-sources GitRepository/flux-system/fleet=.",
    "diff ks apps --path nested --recursive",
    "build ks apps --path nested --recursive --local-sources GitRepository/flux-system/fleet=.",
    "build ks apps --path apps --ignore-paths settings.yaml",
    "build ks apps --path unset --strict-substitute",
    "build ks apps --path unset",
  ])("%s", async (command) => {
    const [expected, found] = [await theirs(command), await ours(command)];

    // Flux forgets a line feed after what cannot be traced, and lets a prefix of its own stand.
    const stderr = expected.stderr.replace("✗ x: ", "✗ ").replace(/(?<!\n)$/, expected.stderr === "" ? "" : "\n");
    // After an error its report comes in time or it does not.
    const stdout = expected.code === 2 && expected.stdout === "" ? found.stdout : expected.stdout;
    expect(found).toEqual({ ...expected, stdout, stderr });
  });
});

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
