/** Where in the repository the content of an ArtifactGenerator's artifacts comes from: no source-watcher is here. */
import { parseDocuments, textAt } from "./documents.ts";

interface Artifact {
  readonly name: string;
  readonly copy: readonly { readonly from: string; readonly to: string }[];
}

/** @returns folder of the repository by `<artifact>/<folder of the artifact>`, for each folder that some file is in */
export function readGeneratedArtifacts(
  files: Readonly<Record<string, string>>,
  isYaml: (path: string) => boolean,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const folders = new Set(Object.keys(files).flatMap(parents));
  for (const [path, text] of Object.entries(files)) {
    if (!isYaml(path) || !text.includes("kind: ArtifactGenerator")) continue;
    for (const document of parseDocuments(text)) {
      if (textAt(document, "kind") !== "ArtifactGenerator") continue;
      const { spec } = document.toJS() as { spec: { artifacts: readonly Artifact[] } };
      for (const artifact of spec.artifacts) note(artifact, folders, found);
    }
  }
  return found;
}

function note({ name, copy }: Artifact, folders: ReadonlySet<string>, found: Map<string, string>): void {
  for (const { from, to } of copy) {
    const source = /^@[^/]+\/(.*)\/\*\*$/.exec(from)?.[1];
    const target = /^@artifact\/(.*?)\/?$/.exec(to)?.[1];
    if (source === undefined || target === undefined) continue;
    for (const folder of folders) {
      if (folder !== source && !folder.startsWith(`${source}/`)) continue;
      const inside = [target, folder.slice(source.length + 1)].filter((part) => part !== "").join("/");
      found.set(`${name}/${inside}`, folder);
    }
  }
}

function parents(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
