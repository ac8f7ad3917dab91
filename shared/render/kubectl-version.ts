/** Asks a kubectl binary what it is. Other versions print other YAML, so the builder's version is part of every key. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface KubectlVersion {
  /** `v1.36.3` */
  readonly kubectl: string;
  /** `v5.8.1` */
  readonly kustomize: string;
}

const TIMEOUT_MS = 20_000;

/** Runs `kubectl version --client` with an empty environment. */
export async function readKubectlVersion(kubectl: string): Promise<KubectlVersion> {
  const { stdout } = await promisify(execFile)(kubectl, ["version", "--client", "-o", "json"], {
    env: { PATH: "/nonexistent", HOME: "/nonexistent" },
    timeout: TIMEOUT_MS,
  });
  const { clientVersion, kustomizeVersion } = JSON.parse(stdout) as {
    readonly clientVersion?: { readonly gitVersion?: string };
    readonly kustomizeVersion?: string;
  };
  if (!clientVersion?.gitVersion || !kustomizeVersion) throw new Error(`${kubectl} does not say its version`);
  return { kubectl: clientVersion.gitVersion, kustomize: kustomizeVersion };
}

/** @throws Error when the binary is not the version that this release was tested with */
export function requireVersion(found: KubectlVersion, wanted: KubectlVersion): void {
  if (found.kubectl === wanted.kubectl && found.kustomize === wanted.kustomize) return;
  throw new Error(
    `kubectl is ${found.kubectl} with kustomize ${found.kustomize}, want ${wanted.kubectl} with ${wanted.kustomize}: ` +
      "deploy functions and layer of one release together",
  );
}

/** Whether `v1.36.3` is at least 1.36. */
export function isAtLeast({ kubectl }: KubectlVersion, major: number, minor: number): boolean {
  const [, foundMajor = "0", foundMinor = "0"] = /^v(\d+)\.(\d+)/.exec(kubectl) ?? [];
  return Number(foundMajor) > major || (Number(foundMajor) === major && Number(foundMinor) >= minor);
}
