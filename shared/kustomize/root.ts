/** The Kustomization that a cluster is bootstrapped with: its build tells with which flags Flux would run. */
import { fluxNamespace, rootName } from "../bootstrap/names.ts";

export const isRoot = ({ metadata }: { readonly metadata: { readonly namespace?: string; readonly name: string } }) =>
  metadata.namespace === fluxNamespace && metadata.name === rootName;
