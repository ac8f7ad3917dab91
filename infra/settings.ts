/** Everything the app can be told: the fleet file and the keys of CDK's context, checked once. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import type { Fleet } from "../shared/config/fleet.ts";
import { formatFindings, parseFleet } from "../shared/config/parse-fleet.ts";

/** Something the user can mend: the message is all there is to say, and a stack trace would bury it. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

export type Ingress = "http-api" | "function-url";

export interface Settings {
  readonly fleet: Fleet;
  /** Context `ingress`. */
  readonly ingress: Ingress;
  /** Context `concurrency`: messages of one queue that are worked on at a time. */
  readonly concurrency: number;
  /** Context `bundles`: where `npm run build` put the functions. */
  readonly bundles: string;
  /** Context `alarmTopic`: ARN of an SNS topic that hears of alarms. */
  readonly alarmTopic?: string;
}

/** In a fresh clone there is no `fleet.json` yet: the control plane then serves no cluster. */
const emptyFleet: Fleet = { engine: "driftless", clusters: [] };

/**
 * @param context reads a key of CDK's context; values given on the command line are strings
 * @throws SettingsError that names the key or lists the findings in the fleet file
 */
export function readSettings(context: (key: string) => unknown): Settings {
  const alarmTopic = readAlarmTopic(context("alarmTopic"));
  return {
    fleet: readFleet(context("fleet")),
    ingress: readIngress(context("ingress")),
    concurrency: readConcurrency(context("concurrency")),
    bundles: resolve(string(context("bundles")) ?? "dist/functions"),
    ...(alarmTopic === undefined ? {} : { alarmTopic }),
  };
}

const string = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function readFleet(path: unknown): Fleet {
  const chosen = resolve(string(path) ?? "fleet.json");
  if (!existsSync(chosen)) {
    if (path === undefined) return emptyFleet;
    throw new SettingsError(`context "fleet" names ${chosen}, which does not exist`);
  }
  const parsed = parseFleet(readFileSync(chosen, "utf8"));
  if (!parsed.ok) throw new SettingsError(`${chosen} cannot be used:\n${formatFindings(parsed.findings)}`);
  return parsed.fleet;
}

function readIngress(value: unknown = "http-api"): Ingress {
  if (value === "http-api" || value === "function-url") return value;
  throw new SettingsError(`context "ingress" must be "http-api" or "function-url", not ${JSON.stringify(value)}`);
}

/** 2 is the least that a mapping allows, and what fits a new account's 10 concurrent executions. */
function readConcurrency(value: unknown = 2): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 2 && count <= 1000) return count;
  throw new SettingsError(`context "concurrency" must be a whole number from 2 to 1000, not ${JSON.stringify(value)}`);
}

function readAlarmTopic(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$/.test(value)) return value;
  throw new SettingsError(`context "alarmTopic" must be the ARN of an SNS topic, not ${JSON.stringify(value)}`);
}
