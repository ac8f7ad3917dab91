/** Tells other objects of the cluster that they may need work: one message each, whatever the cause. */
import { groupOf, type KubeObject } from "../api/kube-object.ts";
import { formatKey, type ObjectKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import { ownerName, ownerNamespace } from "../ssa/owner.ts";
import type { Announcer } from "./ports.ts";

export type Trigger = (key: string, why: string) => Promise<void>;

const group = "kustomize.toolkit.fluxcd.io";
const kind = "Kustomization";

export function createAnnouncer(self: ObjectKey, table: Table, trigger: Trigger): Announcer {
  const { cluster } = self;
  const key = formatKey(self);
  return {
    async trigger(ref, why) {
      const { namespace, name } = ref;
      if (namespace)
        await trigger(formatKey({ cluster, group: groupOf(ref.apiVersion), kind: ref.kind, namespace, name }), why);
    },
    async awaits({ namespace, name }) {
      const dependency = formatKey({ cluster, group, kind, namespace, name });
      await table.put({ pk: `DEP#${dependency}`, sk: key, v: 1 });
    },
    async awaitsNoMore({ namespace, name }) {
      await table.delete({ pk: `DEP#${formatKey({ cluster, group, kind, namespace, name })}`, sk: key });
    },
    async ready() {
      for (const { sk } of await table.query({ pk: `DEP#${key}`, consistent: true })) {
        if (typeof sk !== "string") continue;
        await trigger(sk, "dependency");
        await table.delete({ pk: `DEP#${key}`, sk });
      }
    },
    async gone(object: KubeObject) {
      const { [ownerName]: name, [ownerNamespace]: namespace } = object.metadata.labels ?? {};
      if (name && namespace) await trigger(formatKey({ cluster, group, kind, namespace, name }), "child gone");
    },
  };
}
