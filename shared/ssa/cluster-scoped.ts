/** Kinds of every Kubernetes that live in no namespace: one that a manifest gives them means nothing. */
import { groupOf, type KubeObject } from "../api/kube-object.ts";

const kinds = new Set([
  "/Namespace",
  "/Node",
  "/PersistentVolume",
  "admissionregistration.k8s.io/MutatingWebhookConfiguration",
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
  "apiextensions.k8s.io/CustomResourceDefinition",
  "apiregistration.k8s.io/APIService",
  "certificates.k8s.io/CertificateSigningRequest",
  "networking.k8s.io/IngressClass",
  "node.k8s.io/RuntimeClass",
  "rbac.authorization.k8s.io/ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding",
  "scheduling.k8s.io/PriorityClass",
  "storage.k8s.io/CSIDriver",
  "storage.k8s.io/StorageClass",
]);

export function withoutVoidNamespace(object: KubeObject): KubeObject {
  if (object.metadata.namespace === undefined || !kinds.has(`${groupOf(object.apiVersion)}/${object.kind}`))
    return object;
  const { namespace: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
