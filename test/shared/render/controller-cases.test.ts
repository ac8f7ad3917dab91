/** What the tests of kustomize-controller build, and what they expect of it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { emptyState } from "../../../shared/kustomize/applied-state.ts";
import { parseDesired } from "../../../shared/kustomize/desired.ts";
import { plainManifests } from "../../../shared/kustomize/manifests.ts";
import type { KustomizationOverlay } from "../../../shared/render/protocol.ts";
import { render } from "../../../shared/render/render.ts";
import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { artifactOf, filesBelow, renderTools, temporaryDirectory } from "./tools.ts";

const controller = "../shared/vectors/kustomize-controller";
const tools = await renderTools(temporaryDirectory());
const owner = { name: "app", namespace: "apps" };

async function yamlOf(folder: string, overlay: KustomizationOverlay = {}): Promise<string> {
  const result = await render({ ...(await artifactOf(filesBelow(folder))), ...overlay, path: "." }, tools);
  if (result.kind !== "built") throw new Error(JSON.stringify(result));
  return result.yaml.toString();
}

describe.skipIf(!existsSync(controller))(
  `the inputs of kustomize-controller's tests (skipped without ${controller})`,
  () => {
    it.each([
      ["transformers", "transformers-inline"],
      ["file-transformer", "transformer-files"],
    ])("%s go through every transformer", async (folder, namespace) => {
      const objects = parseKubeYaml(await yamlOf(`${controller}/${folder}`));
      const find = (kind: string, name: string) =>
        objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name));

      expect(find("ResourceQuota", "test-common-transform")).toMatchObject({
        metadata: { namespace, annotations: { test: "annotations" }, labels: { test: "labels" } },
        spec: { hard: { "limits.memory": "24Gi" } },
      });
      expect(find("ConfigMap", "test-metas-transform")).toBeDefined();
      expect(find("Secret", "test-secret-transform")).toBeDefined();
      expect(find("Deployment", "test-podinfo-transform")).toMatchObject({
        metadata: { namespace, labels: { patch: "json6902", "app.kubernetes.io/version": "1.21.0" } },
        spec: {
          replicas: 2,
          template: { spec: { serviceAccountName: "test", containers: [{ image: "podinfo:6.0.0" }] } },
        },
      });
    });

    it("patch takes images, patches and the namespace of the spec", async () => {
      const digest = "sha256:2832f53c577d44753e97b0ed5f00e7e3a06979c9fab77d0e78bdac4b612b14fb";
      const [podinfo] = parseKubeYaml(
        await yamlOf(`${controller}/patch`, {
          targetNamespace: "team",
          images: [
            { name: "podinfo", newName: "ghcr.io/stefanprodan/podinfo", newTag: "5.2.0" },
            { name: "ghcr.io/fluxcd/flagger", digest },
          ],
          patches: [
            {
              patch: "\n- op: add\n  path: /metadata/labels/patch1\n  value: inline-json\n\t\t\t\t\t\t",
              target: { labelSelector: "app=podinfo" },
            },
            {
              patch:
                "\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: podinfo\n  labels:\n    patch2: inline-yaml\n\t\t\t\t\t\t",
            },
          ],
        }),
      );

      expect(podinfo).toMatchObject({
        metadata: { namespace: "team", labels: { patch1: "inline-json", patch2: "inline-yaml" } },
        spec: {
          template: {
            spec: {
              containers: [
                { image: "ghcr.io/stefanprodan/podinfo:5.2.0" },
                { image: `ghcr.io/fluxcd/flagger@${digest}` },
              ],
            },
          },
        },
      });
    });

    it.each(["plain", "overlay"])("invalid/%s fails to build", async (folder) => {
      const yaml = await yamlOf(`${controller}/invalid/${folder}`, { targetNamespace: "team" });
      const read = () => parseDesired(plainManifests(yaml), { owner }, emptyState("server"));

      expect(read).toThrow(
        expect.objectContaining({
          reason: "BuildFailed",
          message:
            "failed to decode Kubernetes apiVersion, kind and name from: " +
            '{"kind":"Provider","metadata":{"name":"crossplane-provider-aws1","namespace":"team"},"piVersion":"pkg.crossplane.io/v1",' +
            '"spec":{"controllerConfigRef":{"name":"provider-aws"},"package":"crossplane/provider-aws:v0.23.0"}}',
        }),
      );
    });

    it("crds keep a definition as it is written", async () => {
      const written = parseKubeYaml(readFileSync(`${controller}/crds/crd.yaml`, "utf8"));

      expect(parseKubeYaml(await yamlOf(`${controller}/crds`))).toEqual(written);
    });

    it("has no folder that nothing is said of", () => {
      const taken = ["crds", "file-transformer", "invalid", "patch", "transformers"];

      expect(readdirSync(controller).filter((name) => !taken.includes(name))).toEqual([]);
    });
  },
);
