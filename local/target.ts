/** The cluster that is deployed to: the sandbox, or a context of the person's kubeconfig behind a proxy that speaks EKS. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";

import { connectKubeconfig } from "../shared/kubernetes/kubeconfig.ts";
import type { Connection } from "../shared/kubernetes/transport.ts";
import { kubeconfigUpstream, startClusterProxy } from "./cluster-proxy.ts";
import type { EksIdentity } from "./eks-token.ts";
import { rememberedPort } from "./loopback.ts";
import type { StartOptions } from "./options.ts";
import { auditLine } from "./sandbox/audit-event.ts";
import { createSandbox } from "./sandbox/create-sandbox.ts";
import type { AccessPolicy } from "./sandbox/rbac.ts";

export interface Target {
  readonly title: string;
  /** Where the engine finds the API server, and what it trusts. */
  readonly url: string;
  readonly caPem: string;
  /** Path of a kubeconfig for the person. */
  readonly kubeconfig: string;
  /** The person's own connection. */
  readonly admin: Connection;
  close(): Promise<void>;
}

type Identify = (token: string) => EksIdentity | undefined;

export interface TargetPorts {
  readonly identify: Identify;
  /** A line of the sandbox's audit log; other clusters keep theirs. */
  readonly audit: (line: string) => void;
}

export async function openTarget(options: StartOptions, stateDir: string, ports: TargetPorts): Promise<Target> {
  const wanted = options.context !== undefined || options.kubeconfig !== undefined;
  return wanted ? openContext(options, stateDir, ports.identify) : openSandbox(options, stateDir, ports);
}

async function openSandbox(
  { port }: StartOptions,
  stateDir: string,
  { identify, audit }: TargetPorts,
): Promise<Target> {
  const directory = join(stateDir, "sandbox");
  mkdirSync(directory, { recursive: true });
  const portFile = join(directory, "port");
  const sandbox = createSandbox({
    stateFile: join(directory, "objects.json"),
    audit: (entry) => {
      const line = auditLine(entry, Date.now());
      if (line !== undefined) audit(line);
    },
    authenticate: ({ token }) => {
      const identity = token === undefined ? undefined : identify(token);
      if (!identity) return undefined;
      const { username: user, groups, policies } = identity;
      return { user, groups, policies: policies.map(({ name }) => name as AccessPolicy) };
    },
  });
  const address = await sandbox.start(port || rememberedPort(portFile)).catch(() => sandbox.start(0));
  writeFileSync(portFile, new URL(address.url).port);
  const kubeconfig = join(stateDir, "kubeconfig");
  writeFileSync(kubeconfig, address.adminKubeconfig, { mode: 0o600 });
  const { url, caPem, adminToken } = address;
  return {
    title: "sandbox cluster",
    url,
    caPem,
    kubeconfig,
    admin: { server: url, ca: caPem, token: async () => adminToken },
    close: () => sandbox.stop(),
  };
}

async function openContext(options: StartOptions, stateDir: string, identify: Identify): Promise<Target> {
  const { context, kubeconfig: path } = options;
  const admin = await connectKubeconfig({ context, path });
  await requireConsent(options, admin.server);
  const upstream = await kubeconfigUpstream(context, path);
  const directory = join(stateDir, "proxy");
  mkdirSync(directory, { recursive: true });
  const proxy = await startClusterProxy({ upstream, directory, identify });
  return {
    title: `context ${context ?? "(current)"}`,
    url: proxy.endpoint,
    caPem: proxy.caPem,
    kubeconfig: path ?? process.env.KUBECONFIG ?? join(process.env.HOME ?? "", ".kube", "config"),
    admin,
    close: () => proxy.close(),
  };
}

async function requireConsent({ yes, context }: StartOptions, server: string): Promise<void> {
  if (yes) return;
  const question = `deploy examples/fleet to context ${context ?? "(current)"} at ${server}? [y/N] `;
  if (!process.stdin.isTTY) throw new Error(`${question.trim()} no terminal to ask at: say --yes`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(question);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new Error("not deployed");
}
