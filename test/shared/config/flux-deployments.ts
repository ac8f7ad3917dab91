/** Deployments of Flux's controllers, as its install manifests and the patches of a fleet make them. */
import { existsSync, readFileSync } from "node:fs";

import type { KubeObject } from "../../../shared/api/kube-object.ts";
import { parseKubeYaml, splitKubeYaml } from "../../../shared/runtime/kube-yaml.ts";

export interface Given {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly container?: Record<string, unknown>;
}

export const controller = (component: string, args: readonly string[] = [], given: Given = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: given.name ?? component,
    namespace: given.namespace ?? "flux-system",
    labels: given.labels ?? {
      "app.kubernetes.io/component": component,
      "app.kubernetes.io/part-of": "flux",
      "app.kubernetes.io/version": "v2.10.1",
    },
  },
  spec: { replicas: 1, template: { spec: { containers: [{ name: "manager", args, ...given.container }] } } },
});

export const kustomizeController = (...args: readonly string[]) => controller("kustomize-controller", args);

/** The same Deployments, each with these arguments behind its own. */
export const withArgs = (objects: readonly KubeObject[], name: RegExp, ...args: readonly string[]) =>
  objects.map((object) => {
    if (object.kind !== "Deployment" || !name.test(object.metadata.name)) return object;
    const copy = structuredClone(object) as KubeObject & {
      spec: { template: { spec: { containers: { args: string[] }[] } } };
    };
    copy.spec.template.spec.containers[0]?.args.push(...args);
    return copy;
  });

const fleets = "../shared/fleets";
export const realComponents = {
  "2.2": `${fleets}/cncf-green-reviews-tooling/clusters/flux-system/gotk-components.yaml`,
  "2.9": `${fleets}/equinor-radix-flux/clusters/production/flux-system/gotk-components.yaml`,
};
export const hasRealComponents = Object.values(realComponents).every((path) => existsSync(path));

/** Without the definitions, which are most of such a file. */
export const readComponents = (path: string): readonly KubeObject[] =>
  splitKubeYaml(readFileSync(path, "utf8"))
    .filter(({ text }) => /^kind: (?:Deployment|Namespace|Service)$/m.test(text))
    .flatMap(({ text }) => parseKubeYaml(text));
