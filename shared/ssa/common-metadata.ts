/** Labels and annotations that a Kustomization gives to all of its objects (`spec.commonMetadata`). */
import type { KubeObject } from "../api/kube-object.ts";

export interface CommonMetadata {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** In place of those of the same name, and of the owner's labels too: Flux sets it last. */
export function withCommonMetadata(object: KubeObject, { labels = {}, annotations = {} }: CommonMetadata): KubeObject {
  const { metadata } = object;
  const set = {
    ...(isEmpty(labels) ? {} : { labels: { ...metadata.labels, ...labels } }),
    ...(isEmpty(annotations) ? {} : { annotations: { ...metadata.annotations, ...annotations } }),
  };
  return isEmpty(set) ? object : { ...object, metadata: { ...metadata, ...set } };
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;
