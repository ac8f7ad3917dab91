/** The pinned versions of the real parts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const pinned = join(import.meta.dirname, "..", "..", "test", "real", "versions.env");

export function parseVersions(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = "", version = ""]) => [name, version]),
  );
}

export function versions(): { readonly peerName: string; readonly kubernetes: string; readonly etcd: string } {
  const {
    FLUX = "",
    KUSTOMIZE_CONTROLLER = "",
    KUBERNETES = "",
    ETCD = "",
  } = parseVersions(readFileSync(pinned, "utf8"));
  return {
    peerName: `flux ${FLUX} (kustomize-controller ${KUSTOMIZE_CONTROLLER})`,
    kubernetes: KUBERNETES,
    etcd: ETCD,
  };
}
