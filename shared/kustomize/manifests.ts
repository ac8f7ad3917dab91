/** The manifests of a run: what kustomize builds of the tree, with the variables of the spec put in. */
import { createHash } from "node:crypto";

import { watchedConfigs } from "../config/controller-settings.ts";
import { overlayOf, type RenderWarning } from "../render/protocol.ts";
import { splitKubeYaml } from "../runtime/kube-yaml.ts";
import { substituteObjects } from "../substitute/substitute-objects.ts";
import type { StoredArtifact } from "./ports.ts";
import { readVariables } from "./read-variables.ts";
import { type Run, step } from "./run.ts";
import { attempt } from "./status.ts";

/** One document of the build. */
export interface Manifest {
  readonly text: string;
  /** SHA-256 (hex, 32 digits) of what the text was made of: the same digest means the same text. */
  readonly digest: string;
}

export type Manifests =
  | {
      readonly kind: "built";
      readonly documents: readonly Manifest[];
      readonly closure: string;
      readonly digest: string;
      readonly warnings?: readonly RenderWarning[];
    }
  | { readonly kind: "unchanged" };

/**
 * @param knownClosure the closure that was applied last; undefined: build in any case
 * @throws ReconcileError BuildFailed, ArtifactFailed
 */
export async function buildManifests(
  run: Run,
  artifact: StoredArtifact,
  knownClosure: string | undefined,
): Promise<Manifests> {
  const { kustomization, ports, own } = run;
  const { spec } = kustomization;
  const watched = watchedConfigs(ports.settings.kustomize);
  const { variables, digest: inputs, isUnwatched } = await readVariables(kustomization, own, watched);
  run.secretValues = variables.secretValues;
  const [builtClosure, knownInputs = ""] = knownClosure?.split("+") ?? [];
  const build = await ports.renderer.build({
    artifact,
    path: spec.path ?? "",
    overlay: overlayOf(spec),
    knownClosure: knownInputs === inputs ? builtClosure : undefined,
    noRemoteBases: ports.settings.kustomize.noRemoteBases,
    began: () => {
      run.status = attempt(run.status, artifact.revision);
      step(run, "Building manifests");
    },
  });
  run.moving = isUnwatched || build.moving === true;
  if (build.kind === "unchanged") return build;
  if (inputs === "") return { ...build, documents: plainManifests(build.yaml) };

  const strict = ports.settings.kustomize.gates.StrictPostBuildSubstitutions;
  const strategy = spec.postBuild?.substituteStrategy;
  const yaml = substituteObjects(build.yaml, variables, { strict, strategy });
  const built = splitKubeYaml(build.yaml);
  const documents = splitKubeYaml(yaml).map(({ text }, index) => {
    const before = built[index]?.text ?? "";
    return text === before ? plain(text) : { text, digest: digestOf(before, inputs) };
  });
  return {
    ...build,
    documents,
    closure: `${build.closure}+${inputs}`,
    digest: yaml === build.yaml ? build.digest : yamlDigest(yaml),
  };
}

/** The documents of a build without variables. */
export const plainManifests = (yaml: string): readonly Manifest[] => splitKubeYaml(yaml).map(({ text }) => plain(text));

const plain = (text: string): Manifest => ({ text, digest: digestOf(text, "") });

/**
 * What was substituted is told by where it came from: the digest is kept, and the text may hold values of Secrets. All
 * documents but the first begin with the rest of the separator's line: no object changes by moving to the front.
 */
function digestOf(text: string, inputs: string): string {
  const parts = [text.replace(/^\r?\n/, ""), ...(inputs === "" ? [] : [inputs])];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}

const yamlDigest = (yaml: string): string => `sha256:${createHash("sha256").update(yaml).digest("hex")}`;
