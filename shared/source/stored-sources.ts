/** The stored artifacts of a cluster's sources, as their own runs recorded them in the table. */
import { groupOf } from "../api/kube-object.ts";
import type { Sources } from "../kustomize/ports.ts";
import { formatKey } from "../lease/message.ts";
import type { Table } from "../lease/ports.ts";
import { readSourceRow } from "./rows.ts";

export function createStoredSources(cluster: string, table: Table): Sources {
  return {
    async artifactOf({ apiVersion, kind, namespace, name }) {
      const key = formatKey({ cluster, group: groupOf(apiVersion), kind, namespace, name });
      const { revision, digest, artifactKey, storedAt } = await readSourceRow(table, key);
      if (revision === undefined || digest === undefined || artifactKey === undefined) return undefined;
      const known = storedAt === undefined ? {} : { storedAt };
      return { revision, digest, blobKey: artifactKey, sourceKey: key, ...known };
    },
  };
}
