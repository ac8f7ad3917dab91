/** Lines of a real API server's audit log. */
import { readFileSync } from "node:fs";

export const recordedLines: readonly string[] = readFileSync("test/vectors/audit-events.jsonl", "utf8")
  .split("\n")
  .filter(Boolean);

export const ada = "arn:aws:sts::111122223333:assumed-role/Admin/ada";

/** A line like those, with other values at its top. */
export function lineWith(changes: Readonly<Record<string, unknown>>): string {
  const patched = recordedLines.find((line) => line.includes('"verb":"patch"') && line.includes(ada));
  if (patched === undefined) throw new Error("no patch of a person was recorded");
  return JSON.stringify({ ...(JSON.parse(patched) as object), ...changes });
}
