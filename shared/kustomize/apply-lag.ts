/** How long a revision was known before its Kustomization had applied it: for the metric, never for a decision. */
import type { Sources } from "./ports.ts";

export interface ApplyLag {
  /** The given sources, overheard. */
  readonly sources: Sources;
  /**
   * Seconds since the revision was stored; undefined for one that nobody asked for, and for the first that an object
   * sees, which may have been stored long before the object was made.
   */
  of(revision: string | undefined, seenBefore: unknown, nowMillis: number): number | undefined;
}

export function measureApplyLag(sources: Sources): ApplyLag {
  const storedAt = new Map<string, number>();
  return {
    sources: {
      async artifactOf(source) {
        const artifact = await sources.artifactOf(source);
        if (artifact?.storedAt !== undefined) storedAt.set(artifact.revision, artifact.storedAt);
        return artifact;
      },
    },
    of(revision, seenBefore, nowMillis) {
      if (revision === undefined || typeof seenBefore !== "string" || seenBefore === revision) return undefined;
      const since = storedAt.get(revision);
      return since === undefined ? undefined : Math.max(0, nowMillis / 1000 - since);
    },
  };
}
