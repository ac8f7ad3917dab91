/** The clusters of flux-local's tests, built Kustomization by Kustomization with `build kustomization`. */
import { createProgram } from "../../../cli/program.ts";
import { withGoFlags } from "../../../cli/go-flags.ts";
import type { BuildTools } from "../../../cli/local-build/build-directory.ts";
import { isFluxKustomization, toLocalKustomization } from "../../../cli/local-build/read-kustomization.ts";
import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { isRecord } from "../../../shared/api/schema.ts";
import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { createMemoryCluster } from "../../fakes/memory-cluster.ts";
import { kustomizationApiVersion } from "../../../shared/api/kustomization.ts";
import { aWorld, programPorts } from "../world.ts";
import type { Root } from "./commands.ts";

export const fleet = "../shared/fleets/flux-local-testdata";

/** One Kustomization of a cluster. `objects` is undefined where its source is none of the repository. */
export interface BuiltKustomization {
  readonly name: string;
  readonly namespace: string;
  /** Name of its source. */
  readonly source: string;
  /** Whether the source is the repository itself, and no directory that stands for another. */
  readonly isOfRepository: boolean;
  /** As the object has it. */
  readonly path: string;
  /** Below the fleet, with the root of its source. */
  readonly directory: string | undefined;
  readonly objects: readonly KubeObject[] | undefined;
}

/** @param entry the Kustomization that a cluster's bootstrap would apply */
export async function buildCluster(
  entry: KubeObject,
  { sources, unpathed = "" }: Pick<Root, "sources" | "unpathed">,
  tools: BuildTools,
): Promise<readonly BuiltKustomization[]> {
  const cluster = createMemoryCluster();
  const built: BuiltKustomization[] = [];
  const waiting = [entry];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { name, namespace, spec } = toLocalKustomization(next);
    if (built.some((other) => other.name === name && other.namespace === namespace)) continue;
    // A real server keeps older versions as the one that it stores.
    cluster.put({ ...next, apiVersion: kustomizationApiVersion });
    const source = spec.sourceRef.name;
    const root = sources[source];
    const { path = "" } = spec;
    const directory = root === undefined ? undefined : below(root, path || unpathed);
    const objects = directory === undefined ? undefined : await build({ name, namespace, directory }, cluster, tools);
    built.push({ name, namespace, source, isOfRepository: root === "", path, directory, objects });
    for (const object of objects ?? []) {
      if (object.kind === "ConfigMap" || object.kind === "Secret") cluster.put(withPlaceholders(object));
      if (isFluxKustomization(object)) waiting.push(object);
    }
  }
  return built;
}

const below = (root: string, path: string): string =>
  [root, ...path.split("/")].filter((segment) => segment !== "" && segment !== ".").join("/");

async function build(
  { name, namespace, directory }: { readonly name: string; readonly namespace: string; readonly directory: string },
  cluster: ReturnType<typeof createMemoryCluster>,
  tools: BuildTools,
): Promise<readonly KubeObject[]> {
  const world = aWorld([], { clusters: [{ name: "local", cluster }] });
  const ports = { ...programPorts(world, tools), workingDirectory: `${process.cwd()}/${fleet}` };
  const program = createProgram(ports, {});
  const words = ["build", "kustomization", name, "--path", `./${directory}`, "-n", namespace];
  await program.parseAsync(withGoFlags(program, words), { from: "user" });
  return parseKubeYaml(world.stdout());
}

/** flux-local knows no values of Secrets and writes their keys instead. */
function withPlaceholders({ stringData, ...object }: KubeObject): KubeObject {
  if (object.kind !== "Secret") return object;
  const keys = [object.data, stringData].flatMap((values) => (isRecord(values) ? Object.keys(values) : []));
  const placeholder = (key: string) => Buffer.from(`..PLACEHOLDER_${key}..`).toString("base64");
  return { ...object, data: Object.fromEntries(keys.map((key) => [key, placeholder(key)])) };
}
