/** What the table knows of a cluster's Flux objects. */
import { gitRepositoryKind } from "../api/git-repository.ts";
import { kustomizationKind } from "../api/kustomization.ts";
import type { Item, Table } from "../lease/ports.ts";
import { each } from "../runtime/each.ts";
import type { FluxObject, Known } from "./due.ts";

const inFlight = 16;

/** Rows come by the index, which may lag; what decides about a missed revision is read consistently. */
export async function readKnown(
  cluster: string,
  objects: readonly FluxObject[],
  table: Table,
): Promise<Pick<Known, "rows" | "sources">> {
  const rows = new Map<string, Item>();
  for (const row of await table.query({ index: "view", pk: `CL#${cluster}` }))
    if (typeof row.vsk === "string") rows.set(row.vsk, row);
  const sources = new Map<string, Item>();
  await each(objects, inFlight, async ({ key, object }) => {
    if (object.kind === kustomizationKind && !rows.has(key)) {
      const row = await table.get({ pk: `OB#${key}`, sk: "RUN" }, { consistent: true });
      if (row) rows.set(key, row);
    }
    if (object.kind !== gitRepositoryKind) return;
    const source = await table.get({ pk: `OB#${key}`, sk: "SRC" }, { consistent: true });
    if (source) sources.set(key, source);
  });
  return { rows, sources };
}
