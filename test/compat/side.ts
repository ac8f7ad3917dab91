/** The two engines that are compared, each with a real API server of its own, as the cases see them. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import type { OpenCluster } from "../../shared/kubernetes/create-cluster.ts";
import { createCluster } from "../../shared/kubernetes/create-cluster.ts";
import { keyOf } from "../../shared/sweep/due.ts";
import { sweepKey } from "../../shared/lease/message.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { createRealEngine } from "../real/engine.ts";
import { applyFluxDefinitions, REAL_BIN, type RealCluster, startFlux, startRealCluster } from "../real/up.ts";

export interface Side {
  readonly name: "flux" | "driftless";
  readonly cluster: OpenCluster;
  /** What a kubeconfig of its own API server holds, by the names that cases write as `${NAME}`. */
  readonly access: Readonly<Record<string, string>>;
  kubectl(args: readonly string[]): Promise<void>;
  /** Something happened to these Flux objects: Flux watches, Driftless is told as by its sweep or a webhook. */
  notify(objects: readonly KubeObject[]): Promise<void>;
  /** A minute has passed: whoever looks each minute looks at these namespaces. */
  sweep(namespaces: readonly string[]): Promise<void>;
  /** Runs that ended in an exception, since the last call. */
  takeDefects(): readonly string[];
  close(): Promise<void>;
}

/** Seconds instead of half a minute until a dependency is looked at again: texts differ in a duration only. */
const fluxArgs = ["--concurrent=8", "--requeue-dependency=3s"];
const clusterName = "compat";
const run = promisify(execFile);

async function connectionOf(real: RealCluster) {
  const { cert, key } = await real.certificateOf("admin");
  return { server: real.url, ca: real.ca, clientCertificate: cert, clientKey: key };
}

async function accessOf(real: RealCluster): Promise<Side["access"]> {
  const { cert, key } = await real.certificateOf("admin");
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return { SERVER: real.url, CA: base64(real.ca), CERTIFICATE: base64(cert), KEY: base64(key) };
}

const kubectlOf = (real: RealCluster) => async (args: readonly string[]) => {
  await run(join(REAL_BIN, "kubectl"), ["--kubeconfig", real.kubeconfigPath, ...args]);
};

/** Flags of the controllers, by which an installation differs from another. */
export interface FluxFlags {
  readonly kustomizeArgs?: readonly string[];
  readonly sourceArgs?: readonly string[];
}

export async function createFluxSide({ kustomizeArgs = [], sourceArgs = [] }: FluxFlags = {}): Promise<Side> {
  const real = await startRealCluster();
  try {
    const flux = await startFlux(real, { kustomizeArgs: [...kustomizeArgs, ...fluxArgs], sourceArgs });
    const cluster = createCluster(await connectionOf(real));
    return {
      name: "flux",
      cluster,
      access: await accessOf(real),
      kubectl: kubectlOf(real),
      notify: async () => undefined,
      sweep: async () => undefined,
      takeDefects: () => [],
      close: async () => {
        await cluster.close();
        await flux.stop();
        await real.stop();
      },
    };
  } catch (error) {
    await real.stop();
    throw error;
  }
}

export async function createDriftlessSide(): Promise<Side> {
  const real = await startRealCluster();
  try {
    await applyFluxDefinitions(real.kubeconfigPath);
    let defects: string[] = [];
    const failed = (key: string, error: unknown) => {
      defects.push(`${key}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    };
    const engine = await createRealEngine(await connectionOf(real), { engine: "compat", clusterName, failed });
    // What a cluster gets before anything is applied to it.
    await engine.run(sweepKey(clusterName));
    const over = new AbortController();
    const served = engine.serve(over.signal);
    return {
      name: "driftless",
      cluster: engine.observer,
      access: await accessOf(real),
      kubectl: kubectlOf(real),
      notify: async (objects) => {
        for (const object of objects) {
          const { cluster, group, kind, namespace, name } = keyOf(clusterName, object);
          await engine.wake([cluster, group, kind, namespace, name].join("/"));
        }
      },
      sweep: (namespaces) => engine.sweep(namespaces),
      takeDefects: () => {
        const taken = defects;
        defects = [];
        return taken;
      },
      close: async () => {
        over.abort();
        await served;
        await engine.close();
        await real.stop();
      },
    };
  } catch (error) {
    await real.stop();
    throw error;
  }
}
