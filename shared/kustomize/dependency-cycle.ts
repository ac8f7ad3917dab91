/** Finds out whether a Kustomization waits for itself. Asked only when a dependency is not ready. */
import type { KubeObject } from "../api/kube-object.ts";
import type { Kustomization } from "../api/kustomization.ts";
import type { Cluster } from "../kubernetes/cluster.ts";

/** Requests of one search; a chain that goes on behind them is none that a person would close by mistake. */
const mostLooks = 30;

interface Name {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The shortest way from the Kustomization back to itself, `a/x, a/y, a/x`; undefined when there is none, also among those
 * that it only waits for.
 * @param known the dependency that is not ready, as it was just read
 */
export async function findCycle(
  self: Kustomization,
  known: Kustomization,
  cluster: Pick<Cluster, "get">,
): Promise<readonly string[] | undefined> {
  const start = labelOf(self.metadata);
  const objects = new Map<string, KubeObject | undefined>([
    [start, self],
    [labelOf(namedIn(known)), known],
  ]);
  const ways: (readonly Name[])[] = [[self.metadata]];
  const visited = new Set<string>();
  let looks = 0;
  for (let way = ways.shift(); way; way = ways.shift()) {
    const last = way.at(-1);
    if (!last) continue;
    const label = labelOf(last);
    if (visited.has(label)) continue;
    visited.add(label);
    if (!objects.has(label)) {
      if ((looks += 1) > mostLooks) return undefined;
      const { apiVersion, kind } = self;
      objects.set(label, await cluster.get({ apiVersion, kind, ...last }));
    }
    for (const next of dependenciesOf(objects.get(label), last)) {
      if (labelOf(next) === start) return [...way, next].map(labelOf);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

function dependenciesOf(object: KubeObject | undefined, { namespace: own }: Name): readonly Name[] {
  const { dependsOn = [] } = (object?.spec ?? {}) as Partial<Kustomization["spec"]>;
  return dependsOn.map(({ name, namespace = own }) => ({ name, namespace }));
}

const labelOf = ({ namespace, name }: Name): string => `${namespace}/${name}`;

const namedIn = ({ metadata: { name, namespace } }: Kustomization): Name => ({ name, namespace });
