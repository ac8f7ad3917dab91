/** Kustomization, `kustomize.toolkit.fluxcd.io/v1`: type, parser and the schema of its CRD, as of Flux 2.10. */
import {
  conditions,
  duration,
  lastHandledReconcileAt,
  localReference,
  observedGeneration,
  parseKind,
  type ObjectOfKind,
} from "./fields.ts";
import type { KubeObject } from "./kube-object.ts";
import {
  boolean,
  choice,
  defaulted,
  integer,
  list,
  object,
  optional,
  string,
  stringMap,
  type Infer,
  type Parsed,
} from "./schema.ts";

export const kustomizationApiVersion = "kustomize.toolkit.fluxcd.io/v1";
export const kustomizationKind = "Kustomization";

const selector = (description: string) =>
  object(
    {
      annotationSelector: optional(
        string({ description: "Selects by annotations, in the syntax of label selectors." }),
      ),
      group: optional(string({ description: "API group of the objects." })),
      kind: optional(string({ description: "Kind of the objects." })),
      labelSelector: optional(string({ description: "Selects by labels." })),
      name: optional(string({ description: "Name of the objects." })),
      namespace: optional(string({ description: "Namespace of the objects." })),
      version: optional(string({ description: "API version of the objects." })),
    },
    { description },
  );

const commonMetadata = object(
  {
    annotations: optional(stringMap({ description: "Annotations that every object gets." })),
    labels: optional(stringMap({ description: "Labels that every object gets." })),
  },
  { description: "Labels and annotations set on every object, in place of those of the same name." },
);

const decryption = object(
  {
    provider: choice(["sops"], { description: "Name of the decryption engine." }),
    secretRef: optional(
      localReference("Secret with the private keys, or with credentials of a key service, which go first."),
    ),
    serviceAccountName: optional(
      string({ description: "ServiceAccount used to authenticate to a cloud provider's key service." }),
    ),
  },
  { description: "Decrypts Secrets before they are applied." },
);

const dependency = object(
  {
    name: string({ description: "Name of the Kustomization." }),
    namespace: optional(string({ description: "Its namespace, that of this object by default." })),
    readyExpr: optional(
      string({ description: "CEL expression over self and dep that replaces the built-in check of readiness." }),
    ),
  },
  { description: "A Kustomization that must be ready first." },
);

const healthCheckExpr = object(
  {
    apiVersion: string({ description: "API version of the custom resource." }),
    current: string({ description: "CEL expression that is true when the desired state was reached." }),
    failed: optional(string({ description: "CEL expression that is true when the desired state cannot be reached." })),
    inProgress: optional(
      string({ description: "CEL expression that is true while the desired state was not reached yet." }),
    ),
    kind: optional(string({ description: "Kind of the custom resource; all kinds of the API version when absent." })),
  },
  { description: "How the health of a kind is told." },
);

const healthCheck = object(
  {
    apiVersion: optional(string({ description: "API version of the object, apps/v1 by default." })),
    kind: string({ description: "Kind of the object." }),
    name: string({ description: "Name of the object." }),
    namespace: optional(string({ description: "Namespace of the object." })),
  },
  { description: "An object whose health is part of this Kustomization's." },
);

const ignoreRule = object(
  {
    paths: list(string(), { description: "JSON pointers of the fields that are left to others." }),
    target: optional(selector("The objects that the rule is for; all objects when absent.")),
  },
  { description: "Fields that are neither corrected nor applied." },
);

const image = object(
  {
    digest: optional(string({ description: "Digest in place of the tag; newTag is ignored then." })),
    name: string({ description: "Name of the image without a tag." }),
    newName: optional(string({ description: "Name in place of the original one." })),
    newTag: optional(string({ description: "Tag in place of the original one." })),
  },
  { description: "Replaces name, tag or digest of an image." },
);

const kubeConfig = object(
  {
    configMapRef: optional(
      localReference(
        "ConfigMap with provider, cluster, address, ca.crt, audiences and serviceAccountName of the remote cluster.",
      ),
    ),
    secretRef: optional(
      object(
        {
          key: optional(string({ description: "Key in the Secret, value or value.yaml by default." })),
          name: string({ description: "Name of the Secret." }),
        },
        { description: "Secret with a self-contained kubeconfig." },
      ),
    ),
  },
  {
    description: "Reconciles on a remote cluster, as serviceAccountName there when that is set.",
    rules: [
      {
        message: "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
        rule: "has(self.configMapRef) != has(self.secretRef)",
        holds: ({ configMapRef, secretRef }) => (configMapRef === undefined) !== (secretRef === undefined),
      },
    ],
  },
);

const patch = object(
  {
    patch: string({ description: "A strategic merge patch or a list of JSON patch operations, as YAML." }),
    target: optional(selector("The objects that the patch is for.")),
  },
  { description: "A patch and the objects that it is for." },
);

const substituteReference = object(
  {
    kind: choice(["Secret", "ConfigMap"], { description: "Kind of the object with the values." }),
    name: string({ minLength: 1, maxLength: 253, description: "Name of the object, in the namespace of this one." }),
    optional: defaulted(boolean({ description: "An absent object counts as an empty one." }), false),
  },
  { description: "An object whose keys are names of variables." },
);

const postBuild = object(
  {
    substitute: optional(stringMap({ description: "Values of variables; they win over substituteFrom." })),
    substituteFrom: optional(
      list(substituteReference, { description: "Objects with values of variables; later ones win." }),
    ),
    substituteStrategy: optional(
      choice(["WithVariables", "Always"], {
        description: "WithVariables, the default, substitutes only when there is a variable.",
      }),
    ),
  },
  { description: "What is done to the manifests after the build." },
);

const sourceReference = object(
  {
    apiVersion: optional(string({ description: "API version of the source." })),
    kind: choice(["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"], {
      description: "Kind of the source.",
    }),
    name: string({ description: "Name of the source." }),
    namespace: optional(string({ description: "Namespace of the source, that of this object by default." })),
  },
  { description: "The source whose artifact holds the manifests." },
);

/**
 * Flux's defaults that the schema cannot say: `retryInterval` = interval, `timeout` = interval less 30 s and at least
 * 30 s, `path` the root of the artifact, `deletionPolicy` MirrorPrune, `wait` and `suspend` false.
 */
export const kustomizationSpec = object(
  {
    buildMetadata: optional(
      list(choice(["originAnnotations", "transformerAnnotations"], { description: "Kind of annotation." }), {
        description: "Annotations that the build adds to say where objects come from.",
      }),
    ),
    commonMetadata: optional(commonMetadata),
    components: optional(list(string(), { description: "Relative paths of Kustomize components." })),
    decryption: optional(decryption),
    deletionPolicy: optional(
      choice(["MirrorPrune", "Delete", "WaitForTermination", "Orphan"], {
        description:
          "What happens to the objects when this Kustomization is deleted; MirrorPrune, the default, follows prune.",
      }),
    ),
    dependsOn: optional(list(dependency, { description: "Kustomizations that must be ready first." })),
    force: defaulted(boolean({ description: "Replaces an object when an immutable field changed." }), false),
    healthCheckExprs: optional(list(healthCheckExpr, { description: "How the health of custom resources is told." })),
    healthChecks: optional(list(healthCheck, { description: "Objects whose health is checked." })),
    ignore: optional(list(ignoreRule, { description: "Fields that are left to others." })),
    ignoreMissingComponents: optional(boolean({ description: "Leaves out components whose path does not exist." })),
    images: optional(list(image, { description: "Names, tags and digests of images to replace." })),
    interval: duration("How often the Kustomization is reconciled."),
    kubeConfig: optional(kubeConfig),
    namePrefix: optional(string({ minLength: 1, maxLength: 200, description: "Prefix of the names of all objects." })),
    nameSuffix: optional(string({ minLength: 1, maxLength: 200, description: "Suffix of the names of all objects." })),
    patches: optional(list(patch, { description: "Patches of the built objects." })),
    path: optional(string({ description: "Directory in the artifact, its root by default." })),
    postBuild: optional(postBuild),
    prune: boolean({ description: "Deletes objects that are no longer in the source." }),
    retryInterval: optional(duration("How soon a failed reconciliation is retried, interval by default.")),
    serviceAccountName: optional(string({ description: "ServiceAccount to impersonate." })),
    sourceRef: sourceReference,
    suspend: optional(boolean({ description: "Stops the reconciliation of this Kustomization." })),
    targetNamespace: optional(
      string({ minLength: 1, maxLength: 63, description: "Namespace of all namespaced objects." }),
    ),
    timeout: optional(duration("Limit of build, apply and health checks.")),
    wait: optional(boolean({ description: "Checks the health of all applied objects; healthChecks is ignored then." })),
  },
  { description: "The desired state: a directory of a source, and what is done to it." },
);

const snapshot = object(
  {
    digest: string({ description: "Digest of the objects as <algorithm>:<hex>." }),
    firstReconciled: string({ format: "date-time", description: "When this snapshot was first reconciled." }),
    lastReconciled: string({ format: "date-time", description: "When this snapshot was last reconciled." }),
    lastReconciledDuration: string({ description: "How long the last reconciliation took." }),
    lastReconciledStatus: string({ description: "How the last reconciliation ended." }),
    metadata: optional(stringMap({ description: "More of the snapshot, such as its revision." })),
    totalReconciliations: integer({ description: "How often this snapshot was reconciled." }),
  },
  { description: "A record of the reconciliations of one state." },
);

const inventoryEntry = object(
  {
    id: string({ description: "The object as <namespace>_<name>_<group>_<kind>." }),
    v: string({ description: "API version of the object's kind." }),
  },
  { description: "One applied object." },
);

export const kustomizationStatus = object(
  {
    conditions: optional(conditions()),
    history: optional(list(snapshot, { description: "The last five states that were reconciled, newest first." })),
    inventory: optional(
      object(
        { entries: list(inventoryEntry, { description: "The objects." }) },
        { description: "The objects that were applied." },
      ),
    ),
    lastAppliedOriginRevision: optional(
      string({ description: "The origin's revision of the artifact that was last applied." }),
    ),
    lastAppliedRevision: optional(string({ description: "The revision that was last applied with success." })),
    lastAttemptedRevision: optional(string({ description: "The revision of the last attempt." })),
    lastHandledReconcileAt,
    observedGeneration,
  },
  { description: "What was observed and applied." },
);

export type KustomizationSpec = Infer<typeof kustomizationSpec>;
export type KustomizationStatus = Infer<typeof kustomizationStatus>;
/** One element of `status.history`; times as RFC 3339, the duration as a Go string. */
export type Snapshot = Infer<typeof snapshot>;
/** One element of `status.inventory.entries`. */
export type ResourceRef = Infer<typeof inventoryEntry>;
export type Kustomization = ObjectOfKind<
  typeof kustomizationApiVersion,
  typeof kustomizationKind,
  KustomizationSpec,
  KustomizationStatus
>;

/** Unknown fields are left out, defaults filled in; findings name every field that is wrong. */
export const parseKustomization = (value: KubeObject): Parsed<Kustomization> =>
  parseKind(
    {
      apiVersion: kustomizationApiVersion,
      kind: kustomizationKind,
      spec: kustomizationSpec,
      status: kustomizationStatus,
    },
    value,
  );
