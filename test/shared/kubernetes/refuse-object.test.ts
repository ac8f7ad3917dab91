import { describe, expect, it } from "vitest";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { refuseObject } from "../../../shared/kubernetes/refuse-object.ts";
import { parseKey } from "../../../shared/lease/message.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { objectCluster } from "../../fakes/object-cluster.ts";

const self = parseKey("one/source.toolkit.fluxcd.io/HelmRepository/flux-system/charts");
if (!self) throw new Error("no key");

const charts = (spec: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion: "source.toolkit.fluxcd.io/v1",
  kind: "HelmRepository",
  metadata: { name: "charts", namespace: "flux-system", uid: "u", generation: 3 },
  spec,
});

const refuse = async (object: KubeObject) => {
  const cluster = objectCluster({ objects: [object] });
  const options = { clock: fakeClock(), fence: () => undefined, fieldManager: "source-controller" };
  const done = await refuseObject(self, cluster, options);
  return { cluster, done };
};

describe("refuseObject", () => {
  it("says in the status that the kind is not built", async () => {
    const { cluster, done } = await refuse(charts({}));

    expect(JSON.stringify(cluster.objects()[0]?.status)).toContain("FeatureNotSupported");
    expect(done).toMatchObject({ set: { seenUid: "u", seenGen: 3 } });
  });

  it("leaves what is suspended as it is", async () => {
    const { cluster, done } = await refuse(charts({ suspend: true }));

    expect(cluster.writes).toEqual([]);
    expect(done).toMatchObject({ set: { seenUid: "u", seenGen: 3 } });
  });
});
