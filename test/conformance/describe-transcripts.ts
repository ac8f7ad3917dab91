/** Runs the transcripts against a server; `RECORD=1` on the real server writes what it answered. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createNormalizer } from "./normalize.ts";
import type { Target } from "./target.ts";
import { TRANSCRIPTS, type Step } from "./transcripts.ts";

const METHODS: Readonly<Record<string, readonly [method: string, contentType: string]>> = {
  APPLY: ["PATCH", "application/apply-patch+yaml"],
  MERGE: ["PATCH", "application/merge-patch+json"],
  JSON: ["PATCH", "application/json-patch+json"],
  STRATEGIC: ["PATCH", "application/strategic-merge-patch+json"],
};

const fixture = (name: string): URL => new URL(`../fixtures/conformance/${name}.json`, import.meta.url);

async function perform(
  target: Target,
  step: Step,
): Promise<{ status: number; body: unknown; warnings: readonly string[] }> {
  const [verb = "", path = ""] = step.send.split(" ");
  const [method, contentType] = METHODS[verb] ?? [verb, "application/json"];
  return target.request(path, { method, contentType, ...(step.body === undefined ? {} : { body: step.body }) });
}

export function describeTranscripts(target: () => Target): void {
  describe("recorded replies of a real API server", () => {
    it.each(TRANSCRIPTS)("$name", async ({ name, steps }) => {
      const normalize = createNormalizer();
      const replies: unknown[] = [];
      for (const step of steps) {
        const { status, body, warnings } = await perform(target(), step);
        replies.push({
          send: step.send,
          status,
          ...(step.unchecked ? {} : { body: normalize(body) }),
          ...(warnings.length > 0 ? { warnings } : {}),
        });
        if (step.send.includes("customresourcedefinitions")) await pause(target().name === "real" ? 1_500 : 10);
      }
      if (process.env.RECORD && target().name === "real") {
        mkdirSync(new URL(".", fixture(name)), { recursive: true });
        writeFileSync(fixture(name), `${JSON.stringify(replies, null, 1)}\n`);
      }
      expect(existsSync(fixture(name)), `record ${name} first: RECORD=1 npm run test:cluster`).toBe(true);
      const recorded = JSON.parse(readFileSync(fixture(name), "utf8")) as unknown[];
      replies.forEach((reply, index) => expect.soft(reply).toEqual(recorded[index]));
      expect(replies).toHaveLength(recorded.length);
    });
  });
}
