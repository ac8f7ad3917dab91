/** Which Deployments are Flux's controllers, or its operator: they must not run where this engine does. */
import type { KubeObject } from "../api/kube-object.ts";
import { isRecord } from "../api/schema.ts";
import { fluxControllers } from "./names.ts";

export type FluxController = (typeof fluxControllers)[number];

/** Installs Flux and keeps it running; never started by us. */
export const fluxOperator = "flux-operator";

export const fluxDeployments = [...fluxControllers, fluxOperator] as const;
export type FluxDeployment = (typeof fluxDeployments)[number];

/**
 * By Flux's label, or by an image of Flux's for installations that set labels of their own; a namesake is none. The
 * kind is not looked at: what a server lists may come without.
 */
export function findFluxDeployment({ metadata, spec }: KubeObject): FluxDeployment | undefined {
  const { labels = {}, name } = metadata;
  const labelled =
    labels["app.kubernetes.io/part-of"] === "flux"
      ? fluxDeploymentNamed(labels["app.kubernetes.io/component"] ?? name)
      : undefined;
  if (labelled) return labelled;
  if (name === fluxOperator && labels["app.kubernetes.io/name"] === fluxOperator) return fluxOperator;
  for (const image of imagesOf(spec)) {
    const controller = ofImage(image);
    if (controller) return controller;
  }
  return undefined;
}

/** A shard, `kustomize-controller-shard1`, is its controller. */
export const fluxDeploymentNamed = (name: string): FluxDeployment | undefined =>
  fluxDeployments.find((known) => name === known || (known !== fluxOperator && name.startsWith(`${known}-`)));

/** The controller of an image such as `ghcr.io/fluxcd/kustomize-controller:v1.9.4`. */
function ofImage(image: string): FluxDeployment | undefined {
  const path = image
    .replace(/@.*$/u, "")
    .replace(/:[^:/]*$/u, "")
    .split("/");
  if (!path.slice(0, -1).some((part) => part.includes("fluxcd"))) return undefined;
  return fluxDeployments.find((known) => known === path.at(-1));
}

function imagesOf(spec: unknown): readonly string[] {
  const template = isRecord(spec) && isRecord(spec.template) ? spec.template.spec : undefined;
  const containers = isRecord(template) && Array.isArray(template.containers) ? template.containers : [];
  return containers.flatMap((container: unknown) =>
    isRecord(container) && typeof container.image === "string" ? [container.image] : [],
  );
}
