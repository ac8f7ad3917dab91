/** The CustomResourceDefinitions of Flux's kinds, made from the same schemas that parse their objects. */
import { neverObserved } from "./fields.ts";
import {
  gitRepositoryApiVersion,
  gitRepositoryKind,
  gitRepositorySpec,
  gitRepositoryStatus,
} from "./git-repository.ts";
import { groupOf, versionOf, type KubeObject } from "./kube-object.ts";
import { kustomizationApiVersion, kustomizationKind, kustomizationSpec, kustomizationStatus } from "./kustomization.ts";
import type { OpenApiSchema, Schema } from "./schema.ts";

interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "date";
  readonly jsonPath: string;
}

interface Definition {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** The controller that owns the kind in Flux's install manifests. */
  readonly component: string;
  readonly columns: readonly PrinterColumn[];
  readonly spec: Schema<unknown>;
  readonly status: Schema<unknown>;
}

const readyColumns: readonly PrinterColumn[] = [
  { jsonPath: ".metadata.creationTimestamp", name: "Age", type: "date" },
  { jsonPath: '.status.conditions[?(@.type=="Ready")].status', name: "Ready", type: "string" },
  { jsonPath: '.status.conditions[?(@.type=="Ready")].message', name: "Status", type: "string" },
];

const definitions: readonly Definition[] = [
  {
    apiVersion: gitRepositoryApiVersion,
    kind: gitRepositoryKind,
    plural: "gitrepositories",
    shortNames: ["gitrepo"],
    categories: ["all", "fluxcd", "fluxcd-sources"],
    component: "source-controller",
    columns: [{ jsonPath: ".spec.url", name: "URL", type: "string" }, ...readyColumns],
    spec: gitRepositorySpec,
    status: gitRepositoryStatus,
  },
  {
    apiVersion: kustomizationApiVersion,
    kind: kustomizationKind,
    plural: "kustomizations",
    shortNames: ["ks"],
    categories: ["all", "fluxcd", "fluxcd-appliers"],
    component: "kustomize-controller",
    columns: readyColumns,
    spec: kustomizationSpec,
    status: kustomizationStatus,
  },
];

/** `apiextensions.k8s.io/v1` definitions of all kinds, in the order in which Flux installs them. */
export function customResourceDefinitions(): readonly KubeObject[] {
  return definitions.map(customResourceDefinition);
}

function customResourceDefinition(definition: Definition): KubeObject {
  const { apiVersion, kind, plural, shortNames, categories, component, columns } = definition;
  const group = groupOf(apiVersion);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      labels: {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/instance": "flux-system",
        "app.kubernetes.io/part-of": "flux",
      },
      // A root Kustomization with variables may apply its own definitions: their CEL and patterns are not to be substituted.
      annotations: { "kustomize.toolkit.fluxcd.io/substitute": "disabled" },
    },
    spec: {
      group,
      names: { categories, kind, listKind: `${kind}List`, plural, shortNames, singular: kind.toLowerCase() },
      scope: "Namespaced",
      versions: [
        {
          name: versionOf(apiVersion),
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: rootSchema(definition) },
        },
      ],
    },
  };
}

function rootSchema({ kind, plural, spec, status }: Definition): OpenApiSchema {
  return {
    description: `${kind} is the Schema for the ${plural} API.`,
    type: "object",
    properties: {
      apiVersion: { type: "string", description: "Version of the schema of this object." },
      kind: { type: "string", description: "Kind of this object." },
      metadata: { type: "object" },
      spec: spec.openApi,
      status: { ...status.openApi, default: neverObserved },
    },
  };
}
