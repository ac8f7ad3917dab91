/** Flux's kinds as its CLI names and shows them. */
import type { KubeObject } from "../shared/api/kube-object.ts";
import { conditionsOf, fieldAt, stringAt } from "../shared/health/fields.ts";

export interface FluxKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** In sentences and in error messages: `kustomization`, `source git`. */
  readonly humanKind: string;
  /** The words that name it in a command, each with its aliases, e.g. `[["sources", "source"], ["git"]]`. */
  readonly words: readonly (readonly string[])[];
  readonly columns: readonly Column[];
  /** The field that refers to what this kind works on, for `events --for`. `kind` where the reference does not say. */
  readonly reference?: { readonly path: readonly string[]; readonly kind?: string; readonly sameNamespace?: boolean };
  /** What `reconcile` and `resume` say at the end. Absent: this engine does not reconcile the kind. */
  readonly outcome?: (object: KubeObject) => string;
}

export interface Column {
  readonly header: string;
  readonly value: (object: KubeObject) => string;
  /** Shown only when asked for. */
  readonly option?: "showSource";
}

/** Cuts digests of 40 to 128 hexadecimal digits to 8, as in `main@sha1:696f056d`. */
export const truncateHex = (text: string): string =>
  text.replace(/\b[a-f0-9]{40,128}\b/gu, (digest) => digest.slice(0, 8));

const text = (header: string, ...path: readonly string[]): Column => ({
  header,
  value: (object) => truncateHex(stringAt(object, path, "")),
});

const readyCondition = (object: KubeObject) => conditionsOf(object).find(({ type }) => type === "Ready");

const revision = text("Revision", "status", "artifact", "revision");

const suspended: Column = {
  header: "Suspended",
  value: (object) => (fieldAt(object, "spec", "suspend") === true ? "True" : "False"),
};

const ready: readonly Column[] = [
  { header: "Ready", value: (object) => readyCondition(object)?.status ?? "False" },
  {
    header: "Message",
    value: (object) => {
      const condition = readyCondition(object);
      return condition ? truncateHex(condition.message) : "waiting to be reconciled";
    },
  },
];

const sourceOf = (...path: readonly string[]): Column => ({
  header: "Source",
  option: "showSource",
  value: (object) => {
    const namespace = stringAt(object, [...path, "namespace"], object.metadata.namespace ?? "");
    return `${stringAt(object, [...path, "kind"], "")}/${namespace}/${stringAt(object, [...path, "name"], "")}`;
  },
});

/** Chart version of the newest release in the history, or of the last attempt. */
const chartVersion: Column = {
  header: "Revision",
  value: (object) => {
    const history = fieldAt(object, "status", "history");
    const newest: unknown = Array.isArray(history) ? history[0] : undefined;
    return stringAt(newest, ["chartVersion"], stringAt(object, ["status", "lastAttemptedRevision"], ""));
  },
};

const sources = ["sources", "source"];
const images = ["images", "image"];
const sourceGroup = "source.toolkit.fluxcd.io/v1";
const imageGroup = "image.toolkit.fluxcd.io/v1";
const sourceColumns = [revision, suspended, ...ready];

/** In the order in which `get all` prints them. */
export const fluxKinds: readonly FluxKind[] = [
  {
    apiVersion: sourceGroup,
    kind: "OCIRepository",
    humanKind: "source oci",
    words: [sources, ["oci"]],
    columns: sourceColumns,
  },
  {
    apiVersion: sourceGroup,
    kind: "Bucket",
    humanKind: "source bucket",
    words: [sources, ["bucket"]],
    columns: sourceColumns,
  },
  {
    apiVersion: sourceGroup,
    kind: "GitRepository",
    humanKind: "source git",
    words: [sources, ["git"]],
    columns: sourceColumns,
    outcome: (object) => `fetched revision ${stringAt(object, ["status", "artifact", "revision"], "")}`,
  },
  {
    apiVersion: sourceGroup,
    kind: "HelmRepository",
    humanKind: "source helm",
    words: [sources, ["helm"]],
    columns: sourceColumns,
  },
  {
    apiVersion: sourceGroup,
    kind: "HelmChart",
    humanKind: "source chart",
    words: [sources, ["chart"]],
    columns: sourceColumns,
    reference: { path: ["spec", "sourceRef"] },
  },
  {
    apiVersion: sourceGroup,
    kind: "ExternalArtifact",
    humanKind: "source external-artifact",
    words: [sources, ["external"]],
    columns: [revision, { ...sourceOf("spec", "sourceRef"), header: "Source" }, ...ready].map(withoutOption),
  },
  {
    apiVersion: imageGroup,
    kind: "ImageRepository",
    humanKind: "image repository",
    words: [images, ["repository"]],
    columns: [text("Last scan", "status", "lastScanResult", "scanTime"), suspended, ...ready],
  },
  {
    apiVersion: imageGroup,
    kind: "ImagePolicy",
    humanKind: "image policy",
    words: [images, ["policy"]],
    columns: [text("Image", "status", "latestRef", "name"), text("Tag", "status", "latestRef", "tag"), ...ready],
    reference: { path: ["spec", "imageRepositoryRef"], kind: "ImageRepository" },
  },
  {
    apiVersion: imageGroup,
    kind: "ImageUpdateAutomation",
    humanKind: "image update",
    words: [images, ["update"]],
    columns: [text("Last run", "status", "lastAutomationRunTime"), suspended, ...ready],
  },
  {
    apiVersion: "helm.toolkit.fluxcd.io/v2",
    kind: "HelmRelease",
    humanKind: "helmrelease",
    words: [["helmreleases", "helmrelease", "hr"]],
    columns: [sourceOf("spec", "chart", "spec", "sourceRef"), chartVersion, suspended, ...ready],
    reference: { path: ["spec", "chart", "spec", "sourceRef"] },
  },
  {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    humanKind: "kustomization",
    words: [["kustomizations", "kustomization", "ks"]],
    columns: [sourceOf("spec", "sourceRef"), text("Revision", "status", "lastAppliedRevision"), suspended, ...ready],
    reference: { path: ["spec", "sourceRef"] },
    outcome: (object) => `applied revision ${stringAt(object, ["status", "lastAppliedRevision"], "")}`,
  },
  {
    apiVersion: "notification.toolkit.fluxcd.io/v1",
    kind: "Receiver",
    humanKind: "receiver",
    words: [["receivers", "receiver"]],
    columns: [suspended, ...ready],
  },
  {
    apiVersion: "notification.toolkit.fluxcd.io/v1beta3",
    kind: "Provider",
    humanKind: "alert-provider",
    words: [["alert-providers", "alert-provider"]],
    columns: ready,
  },
  {
    apiVersion: "notification.toolkit.fluxcd.io/v1beta3",
    kind: "Alert",
    humanKind: "alert",
    words: [["alerts", "alert"]],
    columns: [suspended, ...ready],
    reference: { path: ["spec", "providerRef"], kind: "Provider", sameNamespace: true },
  },
  {
    apiVersion: "source.extensions.fluxcd.io/v1beta1",
    kind: "ArtifactGenerator",
    humanKind: "artifact generator",
    words: [
      ["artifacts", "artifact"],
      ["generators", "generator"],
    ],
    columns: [suspended, ...ready],
  },
];

/** Kinds that this engine reconciles. */
export const reconciledKinds = fluxKinds.filter(({ outcome }) => outcome !== undefined);

/** Any case of the kind's name; undefined for kinds that are not Flux's. */
export const findKind = (name: string): FluxKind | undefined =>
  fluxKinds.find(({ kind }) => kind.toLowerCase() === name.toLowerCase());

function withoutOption({ header, value }: Column): Column {
  return { header, value };
}
