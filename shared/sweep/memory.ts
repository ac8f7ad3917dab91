/** What a sweep remembers for the next one; it can be lost and is rebuilt from the cluster. */
import { gunzipSync, gzipSync } from "node:zlib";

import type { KeptViews } from "../kubernetes/follow.ts";
import { parseJson, printJson } from "../kubernetes/json.ts";
import type { BlobStore } from "../runtime/blob-store.ts";
import type { CleanVersions } from "./drift.ts";
import type { InputVersions } from "./inputs.ts";
import type { Rechecks } from "./rechecks.ts";
import type { CleanSpokes } from "./spokes.ts";
import type { Surroundings } from "./surroundings.ts";

export interface SweepMemory {
  readonly v: 1;
  /** Another API server has another memory, and so has one whose etcd was restored; see incarnation.ts. */
  readonly server: string;
  readonly clean: CleanVersions;
  /** Of Kustomizations with a `kubeConfig`, by the API server that they apply to. */
  readonly spokes?: CleanSpokes;
  /** Of watched Secrets and ConfigMaps. */
  readonly inputs?: InputVersions;
  /** What was seen of each kind, with the version from which the next sweep reads on. */
  readonly views?: KeptViews;
  readonly surroundings?: Surroundings;
  readonly rechecks?: Rechecks;
  /** What Flux's objects last asked for, as far as a close look has told of it. */
  readonly told?: Readonly<Record<string, string>>;
}

const nameOf = (cluster: string): string => `sweep/${cluster}.json.gz`;

export async function loadMemory(blobs: BlobStore, cluster: string, server: string): Promise<SweepMemory> {
  const memory = await recallMemory(blobs, cluster);
  return memory?.server === server ? memory : { v: 1, server, clean: {} };
}

/** Of whatever API server, for those to whom it is a hint. */
export async function recallMemory(blobs: BlobStore, cluster: string): Promise<SweepMemory | undefined> {
  const bytes = await blobs.get(nameOf(cluster));
  try {
    const memory = bytes && (parseJson(gunzipSync(bytes).toString("utf8")) as SweepMemory);
    return memory?.v === 1 ? memory : undefined;
  } catch {
    // A memory that cannot be read is no memory: everything is looked at once.
    return undefined;
  }
}

export async function saveMemory(blobs: BlobStore, cluster: string, memory: SweepMemory): Promise<void> {
  await blobs.put(nameOf(cluster), gzipSync(printJson(memory), { level: 1 }), "application/json");
}
