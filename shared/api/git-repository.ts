/** GitRepository, `source.toolkit.fluxcd.io/v1`: type, parser and the schema of its CRD, as of Flux 2.10. */
import {
  artifactFields,
  conditions,
  duration,
  lastHandledReconcileAt,
  localReference,
  observedGeneration,
  parseKind,
  type ObjectOfKind,
} from "./fields.ts";
import type { KubeObject } from "./kube-object.ts";
import { boolean, choice, defaulted, list, object, optional, string, type Infer, type Parsed } from "./schema.ts";

export const gitRepositoryApiVersion = "source.toolkit.fluxcd.io/v1";
export const gitRepositoryKind = "GitRepository";

const include = object(
  {
    fromPath: optional(string({ description: "Path in the included artifact to copy from, its root by default." })),
    repository: localReference("The GitRepository whose artifact is included."),
    toPath: optional(string({ description: "Path to copy to, the name of the included GitRepository by default." })),
  },
  { description: "A GitRepository whose artifact, or a part of it, is copied into this one." },
);

const reference = object(
  {
    branch: optional(string({ description: "Branch to check out, master when no other field is set." })),
    commit: optional(
      string({ description: "Commit to check out, before all other fields; with branch, it must be on that branch." }),
    ),
    name: optional(
      string({ description: "Full name of a reference, such as refs/pull/420/head, before semver, tag and branch." }),
    ),
    semver: optional(string({ description: "Range of semantic versions of tags, before tag and branch." })),
    tag: optional(string({ description: "Tag to check out, before branch." })),
  },
  { description: "The Git reference to follow, the branch master by default." },
);

const verification = object(
  {
    mode: defaulted(
      choice(["head", "HEAD", "Tag", "TagAndHEAD"], {
        description: "Which Git objects must be signed; head is the old name of HEAD.",
      }),
      "HEAD",
    ),
    secretRef: localReference("Secret with the trusted keys: *.asc holds PGP keys, *.sshpub SSH keys."),
  },
  { description: "How the signatures of commits and tags are verified." },
);

/**
 * Flux's defaults that the schema cannot say: `provider` generic, `ref` branch master, `suspend` and
 * `recurseSubmodules` false. Durations are Go strings; a timeout has no hours.
 */
export const gitRepositorySpec = object(
  {
    ignore: optional(string({ description: "Patterns in .gitignore form that replace Flux's default exclusions." })),
    include: optional(list(include, { description: "GitRepositories whose artifacts are copied into this one's." })),
    interval: duration("How often the repository is checked for updates."),
    provider: optional(
      choice(["generic", "aws", "azure", "github"], { description: "How to authenticate, generic by default." }),
    ),
    proxySecretRef: optional(localReference("Secret with address, username and password of a proxy.")),
    recurseSubmodules: optional(boolean({ description: "Fetches submodules too." })),
    ref: optional(reference),
    secretRef: optional(
      localReference(
        "Secret with username and password, bearerToken, identity and known_hosts, or the keys of a GitHub App.",
      ),
    ),
    serviceAccountName: optional(
      string({ description: "ServiceAccount used to authenticate, only for the providers azure and aws." }),
    ),
    sparseCheckout: optional(list(string(), { description: "Only these directories go into the artifact." })),
    suspend: optional(boolean({ description: "Stops the reconciliation of this GitRepository." })),
    timeout: defaulted(
      string({ description: "Limit of one Git operation.", pattern: String.raw`^([0-9]+(\.[0-9]+)?(ms|s|m))+$` }),
      "60s",
    ),
    url: string({ description: "URL of the repository, https, http or ssh.", pattern: "^(http|https|ssh)://.*$" }),
    verify: optional(verification),
  },
  {
    description: "Where the repository is and what is taken of it.",
    rules: [
      {
        message: "serviceAccountName can only be set when provider is 'azure' or 'aws'",
        rule: "!has(self.serviceAccountName) || (has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))",
        holds: ({ serviceAccountName, provider }) =>
          serviceAccountName === undefined || provider === "azure" || provider === "aws",
      },
    ],
  },
);

export const gitRepositoryStatus = object(
  {
    artifact: optional(artifactFields("The artifact of the last successful reconciliation.")),
    conditions: optional(conditions("The conditions of the GitRepository.")),
    includedArtifacts: optional(
      list(artifactFields("One included artifact."), {
        description: "The artifacts that were included, in the order of spec.include.",
      }),
    ),
    lastHandledReconcileAt,
    observedGeneration,
    observedIgnore: optional(string({ description: "The spec.ignore that the artifact was made with." })),
    observedInclude: optional(list(include, { description: "The spec.include that the artifact was made with." })),
    observedRecurseSubmodules: optional(
      boolean({ description: "The spec.recurseSubmodules that the artifact was made with." }),
    ),
    observedSparseCheckout: optional(
      list(string(), { description: "The spec.sparseCheckout that the artifact was made with." }),
    ),
    sourceVerificationFingerprint: optional(
      string({
        description:
          "Fingerprint of the public keys that verified the artifact; other keys verify the same revision again.",
      }),
    ),
    sourceVerificationMode: optional(string({ description: "The last verification mode that was used." })),
  },
  { description: "What was observed of the repository." },
);

export type GitRepositorySpec = Infer<typeof gitRepositorySpec>;
export type GitRepositoryStatus = Infer<typeof gitRepositoryStatus>;
export type GitRepositoryRef = Infer<typeof reference>;
export type GitRepository = ObjectOfKind<
  typeof gitRepositoryApiVersion,
  typeof gitRepositoryKind,
  GitRepositorySpec,
  GitRepositoryStatus
>;

/** Unknown fields are left out, defaults filled in; findings name every field that is wrong. */
export const parseGitRepository = (value: KubeObject): Parsed<GitRepository> =>
  parseKind(
    {
      apiVersion: gitRepositoryApiVersion,
      kind: gitRepositoryKind,
      spec: gitRepositorySpec,
      status: gitRepositoryStatus,
    },
    value,
  );
