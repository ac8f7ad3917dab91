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
