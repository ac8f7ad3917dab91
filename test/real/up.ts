/**
 * Starts a real Kubernetes API server (with etcd and the controllers that matter) on free loopback ports, and real
 * Flux controllers beside it. The binaries come from build.sh; where they are absent, callers skip with a message.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export const REAL_BIN = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "driftless-real", "bin");

/** The path of a real binary, or undefined when it was not built. */
export function realBinary(name: string): string | undefined {
  const path = join(REAL_BIN, name);
  return existsSync(path) ? path : undefined;
}

/** Why a real cluster cannot be started here; undefined when it can. */
export function missingForCluster(...more: readonly string[]): string | undefined {
  const absent = ["kube-apiserver", "kube-controller-manager", "etcd", "kubectl", ...more].filter(
    (name) => !realBinary(name),
  );
  return absent.length > 0 ? `${absent.join(", ")} not built (test/real/build.sh)` : undefined;
}

export interface RealCluster {
  readonly url: string;
  /** Certificate of the authority, PEM. */
  readonly ca: string;
  readonly kubeconfigPath: string;
  /** A kubeconfig of any user; made on first use. Members of `system:masters` unless other groups are given. */
  kubeconfigOf(user: string, groups?: readonly string[]): Promise<string>;
  /** Client certificate and key of the user, PEM. */
  certificateOf(user: string, groups?: readonly string[]): Promise<{ cert: string; key: string }>;
  /** One JSON line per request; exists with `audit`. */
  readonly auditLog: string;
  /** Processor time of the API server since it started, in seconds. */
  cpuSeconds(): number;
  /**
   * Ends the API server and starts it again. With `between` etcd ends first and starts again after, and its folder is
   * whatever was made of it meanwhile.
   */
  restart(between?: (etcdFolder: string) => void): Promise<void>;
  /** Directory with logs, keys and data; removed by `stop`. */
  readonly directory: string;
  stop(): Promise<void>;
}

const CONTROLLERS = [
  "garbage-collector",
  "namespace",
  "deployment",
  "replicaset",
  "statefulset",
  "daemonset",
  "job",
  "serviceaccount",
  "serviceaccount-token",
  "root-ca-certificate-publisher",
  "clusterrole-aggregation",
].map((name) => `${name}-controller`);

const READY_WITHIN_MS = 60_000;

/** @throws when a binary is missing or the API server is not ready within a minute. */
export async function startRealCluster({ audit = false }: { readonly audit?: boolean } = {}): Promise<RealCluster> {
  const missing = missingForCluster();
  if (missing) throw new Error(missing);
  const directory = mkdtempSync(join(tmpdir(), "driftless-real-"));
  const pki = await createPki(directory);
  const [port, etcd, peer, manager] = await freePorts(4);
  const processes: ChildProcess[] = [];
  const argsOf = new Map<string, readonly string[]>();
  const byName = new Map<string, ChildProcess>();
  const start = (name: string, args: readonly string[]): void => {
    argsOf.set(name, args);
    const child = launch(directory, name, args);
    byName.set(name, child);
    processes.push(child);
  };
  const endOne = async (name: string): Promise<void> => {
    const child = byName.get(name);
    if (!child) return;
    processes.splice(processes.indexOf(child), 1);
    await end([child]);
  };
  const restart = async (between?: (etcdFolder: string) => void): Promise<void> => {
    await endOne("kube-apiserver");
    if (between) {
      await endOne("etcd");
      between(join(directory, "etcd"));
      start("etcd", argsOf.get("etcd") ?? []);
    }
    start("kube-apiserver", argsOf.get("kube-apiserver") ?? []);
    await readyz(await kubeconfigOf("admin"), processes, directory);
  };
  const url = `https://127.0.0.1:${port}`;

  start("etcd", [
    ...[
      "--data-dir",
      join(directory, "etcd"),
      "--listen-client-urls",
      `http://127.0.0.1:${etcd}`,
      "--advertise-client-urls",
      `http://127.0.0.1:${etcd}`,
    ],
    ...["--listen-peer-urls", `http://127.0.0.1:${peer}`, "--initial-advertise-peer-urls", `http://127.0.0.1:${peer}`],
    ...["--initial-cluster", `default=http://127.0.0.1:${peer}`, "--log-level", "warn", "--unsafe-no-fsync"],
  ]);
  const auditLog = join(directory, "audit.log");
  const policy = join(directory, "audit.yaml");
  writeFileSync(
    policy,
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nomitManagedFields: true\nrules: [{level: Metadata}]\n",
  );
  start("kube-apiserver", [
    ...["--etcd-servers", `http://127.0.0.1:${etcd}`, "--bind-address", "127.0.0.1", "--secure-port", String(port)],
    ...[
      "--endpoint-reconciler-type",
      "none",
      "--service-cluster-ip-range",
      "10.0.0.0/16",
      "--authorization-mode",
      "RBAC",
    ],
    ...[
      "--client-ca-file",
      pki.path("ca.crt"),
      "--tls-cert-file",
      pki.path("server.crt"),
      "--tls-private-key-file",
      pki.path("server.key"),
    ],
    ...[
      "--service-account-issuer",
      "https://kubernetes.default.svc",
      "--service-account-key-file",
      pki.path("sa.pub"),
      "--service-account-signing-key-file",
      pki.path("sa.key"),
    ],
    ...(audit ? ["--audit-policy-file", policy, "--audit-log-path", auditLog, "--audit-log-mode", "batch"] : []),
  ]);

  const certificateOf = (user: string, groups: readonly string[] = ["system:masters"]) => pki.client(user, groups);
  const kubeconfigOf = async (user: string, groups?: readonly string[]): Promise<string> => {
    await certificateOf(user, groups);
    const path = join(directory, `${user.replaceAll(/[^\w-]/g, "_")}.kubeconfig`);
    const access = {
      "client-certificate": pki.path(`${fileName(user)}.crt`),
      "client-key": pki.path(`${fileName(user)}.key`),
    };
    writeFileSync(
      path,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "real", cluster: { server: url, "certificate-authority": pki.path("ca.crt") } }],
        users: [{ name: user, user: access }],
        contexts: [{ name: "real", context: { cluster: "real", user } }],
        "current-context": "real",
      }),
    );
    return path;
  };
  const stop = async (): Promise<void> => {
    await end(processes);
    rmSync(directory, { recursive: true, force: true });
  };

  try {
    const kubeconfigPath = await kubeconfigOf("admin");
    await readyz(kubeconfigPath, processes, directory);
    const own = await kubeconfigOf("system:kube-controller-manager", []);
    start("kube-controller-manager", [
      ...[
        "--kubeconfig",
        own,
        "--authentication-kubeconfig",
        own,
        "--authorization-kubeconfig",
        own,
        "--bind-address",
        "127.0.0.1",
        "--secure-port",
        String(manager),
      ],
      ...[
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        "--service-account-private-key-file",
        pki.path("sa.key"),
        "--root-ca-file",
        pki.path("ca.crt"),
      ],
      ...["--kube-api-qps", "500", "--kube-api-burst", "1000", "--controllers", CONTROLLERS.join(",")],
    ]);
    return {
      url,
      ca: readFileSync(pki.path("ca.crt"), "utf8"),
      kubeconfigPath,
      kubeconfigOf,
      certificateOf,
      auditLog,
      restart,
      cpuSeconds: () => cpuSecondsOf(byName.get("kube-apiserver")?.pid),
      directory,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface RealFlux {
  /** Where source-controller serves its artifacts. */
  readonly artifactUrl: string;
  /** Process ids, to measure what they use. */
  readonly pids: Readonly<Record<"source-controller" | "kustomize-controller", number>>;
  stop(): Promise<void>;
}

export interface FluxOptions {
  /** Extra flags of kustomize-controller, e.g. `--concurrent=20`. */
  readonly kustomizeArgs?: readonly string[];
  readonly sourceArgs?: readonly string[];
  /** Scratch directory; a tmpfs decides kustomize-controller's figures. */
  readonly scratch?: string;
  /** False where the cluster has definitions already; by default the released ones are applied. */
  readonly definitions?: boolean;
}

/** Flux's definitions, namespace, source-controller and kustomize-controller against a real cluster. */
export async function startFlux(cluster: RealCluster, options: FluxOptions = {}): Promise<RealFlux> {
  const missing = missingForCluster("source-controller", "kustomize-controller");
  if (missing) throw new Error(missing);
  if (options.definitions ?? true) await applyFluxDefinitions(cluster.kubeconfigPath);
  const [storage, sourceMetrics, sourceHealth, metrics, health] = await freePorts(5);
  const processes: ChildProcess[] = [];
  const scratch = options.scratch ?? join(cluster.directory, "scratch");
  const artifacts = join(cluster.directory, "artifacts");
  mkdirSync(scratch, { recursive: true });
  mkdirSync(artifacts, { recursive: true });
  const start = async (name: string, args: readonly string[]): Promise<number> => {
    const env = {
      ...process.env,
      KUBECONFIG: await cluster.kubeconfigOf(name),
      TMPDIR: scratch,
      RUNTIME_NAMESPACE: "flux-system",
    };
    const child = launch(cluster.directory, name, ["--events-addr", "", "--watch-all-namespaces=true", ...args], env);
    processes.push(child);
    return child.pid ?? 0;
  };
  const address = (port: number | undefined): string => `127.0.0.1:${port}`;
  const pids = {
    "source-controller": await start("source-controller", [
      ...["--storage-path", artifacts, "--storage-addr", address(storage), "--storage-adv-addr", address(storage)],
      ...[
        "--metrics-addr",
        address(sourceMetrics),
        "--health-addr",
        address(sourceHealth),
        ...(options.sourceArgs ?? []),
      ],
    ]),
    "kustomize-controller": await start("kustomize-controller", [
      "--metrics-addr",
      address(metrics),
      "--health-addr",
      address(health),
      ...(options.kustomizeArgs ?? []),
    ]),
  };
  const isUp = async (port: number | undefined): Promise<boolean> =>
    (await fetch(`http://${address(port)}/readyz`).catch(() => undefined))?.ok === true;
  await until(async () => (await isUp(sourceHealth)) && (await isUp(health)), processes, cluster.directory);
  return { artifactUrl: `http://${address(storage)}`, pids, stop: () => end(processes) };
}

/** The folders of Flux's released definitions in the module cache; undefined when they are not there. */
export async function fluxDefinitionFolders(): Promise<readonly string[] | undefined> {
  const versions = Object.fromEntries(
    readFileSync("test/real/versions.env", "utf8")
      .split("\n")
      .filter((line) => /^[A-Z_]+=/.test(line))
      .map((line) => line.split("=") as [string, string]),
  );
  const cache = await run("go", ["env", "GOMODCACHE"]).then(
    ({ stdout }) => stdout.trim(),
    () => join(homedir(), "go/pkg/mod"),
  );
  const folder = (name: string, version: string | undefined): string =>
    join(cache, `github.com/fluxcd/${name}@v${version}/config/crd/bases`);
  const folders = [
    folder("source-controller", versions.SOURCE_CONTROLLER),
    folder("kustomize-controller", versions.KUSTOMIZE_CONTROLLER),
  ];
  return folders.every((path) => existsSync(path)) ? folders : undefined;
}

export async function applyFluxDefinitions(kubeconfigPath: string): Promise<void> {
  const folders = await fluxDefinitionFolders();
  if (!folders) throw new Error("Flux's definitions are not in the module cache (test/real/build.sh controllers)");
  const kubectl = (...args: readonly string[]) =>
    run(join(REAL_BIN, "kubectl"), ["--kubeconfig", kubeconfigPath, ...args]);
  await kubectl("apply", "--server-side", ...folders.flatMap((folder) => ["-f", folder]));
  await kubectl("create", "namespace", "flux-system").catch(() => undefined);
  await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
}

function launch(
  directory: string,
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  const log = openSync(join(directory, `${name}.log`), "a");
  const child = spawn(join(REAL_BIN, name), args, { stdio: ["ignore", log, log], env });
  // Whoever ends without `stop` (a runner that gives up on a hook) must not leave servers behind.
  const abandon = (): void => void child.kill("SIGKILL");
  process.once("exit", abandon);
  child.once("exit", () => process.removeListener("exit", abandon));
  return child;
}

async function end(processes: readonly ChildProcess[]): Promise<void> {
  for (const child of [...processes].reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await exited;
    clearTimeout(late);
  }
}

async function readyz(kubeconfig: string, processes: readonly ChildProcess[], directory: string): Promise<void> {
  const probe = () =>
    run(join(REAL_BIN, "kubectl"), ["--kubeconfig", kubeconfig, "get", "--raw", "/readyz"]).then(
      ({ stdout }) => stdout === "ok",
      () => false,
    );
  await until(probe, processes, directory);
}

async function until(
  isReady: () => Promise<boolean>,
  processes: readonly ChildProcess[],
  directory: string,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isReady())) {
    const dead = processes.find((child) => child.exitCode !== null);
    if (dead || Date.now() > deadline) {
      const log = join(directory, `${dead ? (dead.spawnfile.split("/").pop() ?? "") : "kube-apiserver"}.log`);
      throw new Error(`real cluster did not become ready; ${log} ends: ${readFileSync(log, "utf8").slice(-500)}`);
    }
    await pause(100);
  }
}

/** Of Linux; NaN elsewhere. A tick is a hundredth of a second. */
function cpuSecondsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user = NaN, system = NaN] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14).map(Number);
    return (user + system) / 100;
  } catch {
    return NaN;
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) =>
        server.once("error", reject).listen(0, "127.0.0.1", () => resolve(server)),
      );
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

interface Pki {
  path(name: string): string;
  client(user: string, groups: readonly string[]): Promise<{ cert: string; key: string }>;
}

const fileName = (user: string): string => `client-${user.replaceAll(/[^\w-]/g, "_")}`;

async function createPki(directory: string): Promise<Pki> {
  const folder = join(directory, "pki");
  mkdirSync(folder);
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]) => run("openssl", args, { cwd: folder });
  const key = (name: string) => openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
  const sign = async (name: string, subject: string, extensions: string): Promise<void> => {
    await key(name);
    await openssl("req", "-new", "-key", `${name}.key`, "-subj", subject, "-out", `${name}.csr`);
    writeFileSync(path(`${name}.ext`), extensions);
    await openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "30",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.crt`,
    );
  };
  await key("ca");
  await openssl(
    "req",
    "-x509",
    "-new",
    "-key",
    "ca.key",
    "-subj",
    "/CN=driftless-test-ca",
    "-days",
    "30",
    "-out",
    "ca.crt",
  );
  await sign(
    "server",
    "/CN=kube-apiserver",
    "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth",
  );
  await openssl("genrsa", "-out", "sa.key", "2048");
  await openssl("rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub");
  return {
    path,
    client: async (user, groups) => {
      const name = fileName(user);
      const subject = `${groups.map((group) => `/O=${group}`).join("")}/CN=${user.replaceAll("/", String.raw`\/`)}`;
      if (!existsSync(path(`${name}.crt`))) await sign(name, subject, "extendedKeyUsage=clientAuth");
      return { cert: readFileSync(path(`${name}.crt`), "utf8"), key: readFileSync(path(`${name}.key`), "utf8") };
    },
  };
}
