/** Names that Flux's installation, the engine and the tools must agree on. */

/** The namespace of Flux's controllers, and the name of its root objects. */
export const fluxNamespace = "flux-system";
export const rootName = "flux-system";

/** Field manager of everything that bootstrap writes, and name of the ownership object. */
export const engineName = "driftless";

/** Kubernetes groups that the access entries of a cluster's roles carry, and that bootstrap binds. */
export const groups = {
  /** Reads the Secrets that sources name; patches sources and their status. */
  source: "driftless:source",
  /** May only impersonate; for clusters with `lockdown`. */
  impersonate: "driftless:impersonate",
} as const;

/** Flux's controllers in the order of its install manifests. The first four are installed by default. */
export const fluxControllers = [
  "source-controller",
  "kustomize-controller",
  "helm-controller",
  "notification-controller",
  "image-reflector-controller",
  "image-automation-controller",
  "source-watcher",
] as const;

/** The user that Flux's controller is for the API server, and that we impersonate in its place. */
export const controllerUser = (controller: (typeof fluxControllers)[number]): string =>
  `system:serviceaccount:${fluxNamespace}:${controller}`;

/** Labels by which Flux's own tools find what belongs to an installation. */
export const installationLabels = {
  "app.kubernetes.io/instance": fluxNamespace,
  "app.kubernetes.io/part-of": "flux",
} as const;
