import { describe, expect, it } from "vitest";

import { isAging, readSharedFetch, recordSharedFetch, type SharedFetch } from "../../../shared/source/rows.ts";
import { createMemoryTable } from "../../fakes/memory-table.ts";

const day = 24 * 3600;
const now = 1_800_000_000;
const fetched: SharedFetch = {
  artifactKey: "artifacts/a.tar.gz",
  digest: "sha256:a",
  size: 1,
  author: "me",
  subject: "x",
};

async function recorded(at: number | undefined) {
  const table = createMemoryTable();
  if (at === undefined) await table.put({ pk: "SR#key", sk: "RV#main@sha1:a", v: 1, ...fetched });
  else await recordSharedFetch(table, "key", "main@sha1:a", fetched, at);
  return (await readSharedFetch(table, "key", "main@sha1:a"))!;
}

describe("a shared fetch", () => {
  it("is read as it was recorded, and expires thirty days later", async () => {
    expect(await recorded(now)).toEqual({ ...fetched, ttl: now + 30 * day });
  });

  it.each<[string, number | undefined, boolean]>([
    ["just recorded", now, false],
    ["recorded fifteen days ago", now - 15 * day, false],
    ["recorded longer ago", now - 15 * day - 1, true],
    ["that knows no end", undefined, true],
  ])("%s (at %s) is aging: %s", async (_, at, aging) => {
    expect(isAging(await recorded(at), now)).toBe(aging);
  });
});
