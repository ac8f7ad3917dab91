/** What to do about a repository that cannot be fetched; said behind Flux's words. */
import type { GitRepository } from "../api/git-repository.ts";

type Rule = readonly [words: RegExp, advice: (repository: GitRepository) => string];

const secretOf = ({ spec, metadata }: GitRepository): string =>
  `Secret ${metadata.namespace}/${spec.secretRef?.name ?? ""}`;

const rules: readonly Rule[] = [
  [
    /authentication required|authorization failed|unable to authenticate|repository not found/,
    (repository) =>
      repository.spec.secretRef
        ? `check the key or token in ${secretOf(repository)}, and that it may read this repository`
        : "check spec.url; a private repository needs a Secret, named in spec.secretRef",
  ],
  [/knownhosts: /, (repository) => `put the server's present host key into known_hosts of ${secretOf(repository)}`],
  [
    /failed to get secret .* not found/,
    (repository) => `create ${secretOf(repository)}, or the Kustomization that brings it first`,
  ],
  [/couldn't find remote ref|unable to resolve/, () => "check spec.ref: the repository has no such reference"],
  [
    /dial tcp|deadline exceeded|connection (?:refused|failed)|certificate/,
    () => "check spec.url, and that the engine can reach that host",
  ],
];

/** Undefined when the message says all there is to say. */
export function explainFetch(message: string, repository: GitRepository): string | undefined {
  return rules.find(([words]) => words.test(message))?.[1](repository);
}
