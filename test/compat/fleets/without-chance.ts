/** Takes out of an observation what falls one way or the other when many Kustomizations run side by side. */
import type { Tree } from "../normalize.ts";
import type { Observation, SeenEvent } from "../observe.ts";

export function withoutChance({ objects, events }: Observation): Observation {
  return {
    objects: new Map(
      [...objects].flatMap(([object, tree]) =>
        isReplica(tree) || isOfControllers(object, tree) ? [] : [[object, settled(tree)] as const],
      ),
    ),
    events: events.filter(({ reason }) => reason !== wasNotReady).map(named),
  };
}

/** Whether something was ready before somebody looked for it. */
const wasNotReady = "DependencyNotReady";

/** Of a Deployment: its name is drawn. */
const isReplica = (tree: Tree | undefined): boolean =>
  tree?.kind === "Pod" && (tree.metadata as Tree).ownerReferences !== undefined;

/** The controllers of Kubernetes make their accounts when they are first at work. */
const isOfControllers = (object: string, tree: Tree | undefined): boolean =>
  object.startsWith("ServiceAccount/kube-system/") && (tree?.metadata as Tree | undefined)?.labels === undefined;

/** Flux checks objects side by side, and names the one that fails first. */
const anyOne = (message: string): string => message.replace(/^\S+ (namespace not specified)/, "<one of them> $1");

const named = (event: SeenEvent): SeenEvent => ({ ...event, message: anyOne(event.message) });

/** Two causes at once are one run or two. */
function settled(tree: Tree | undefined): Tree | undefined {
  if (tree?.kind !== "Kustomization") return tree;
  const { history, conditions, ...rest } = (tree.status ?? {}) as {
    readonly history?: readonly Tree[];
    readonly conditions?: Readonly<Record<string, Tree>>;
  } & Tree;
  const counted = history?.map(({ totalReconciliations: _, ...entry }) => entry);
  const told = Object.entries(conditions ?? {}).map(([type, condition]) => [
    type,
    { ...condition, message: anyOne(String(condition.message)) },
  ]);
  return {
    ...tree,
    status: {
      ...rest,
      ...(counted ? { history: counted } : {}),
      ...(conditions ? { conditions: Object.fromEntries(told) as Tree } : {}),
    },
  };
}
