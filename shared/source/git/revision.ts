/** Flux's text for a Git revision: `main@sha1:<hex>`, `v1.2.3@sha1:<hex>`, `refs/pull/1/head@sha1:<hex>`, `sha1:<hex>`. */

export interface GitRevision {
  /** Branch, tag or full reference; empty for a commit alone. */
  readonly pointer: string;
  readonly commit: string;
}

export function formatRevision({ pointer, commit }: GitRevision): string {
  const digest = `${commit.length === 64 ? "sha256" : "sha1"}:${commit}`;
  return pointer === "" ? digest : `${pointer}@${digest}`;
}

/** Also reads the form before Flux 2.0, `main/<hex>`. Undefined when there is no commit in it. */
export function parseRevision(text: string): GitRevision | undefined {
  const [, pointer = "", commit] =
    /^(?:(.+)@)?(?:sha1|sha256):([0-9a-f]{40}|[0-9a-f]{64})$/.exec(text) ??
    /^(?:(.+)\/)?([0-9a-f]{40})$/.exec(text) ??
    [];
  return commit === undefined ? undefined : { pointer: pointer === "HEAD" ? "" : pointer, commit };
}
