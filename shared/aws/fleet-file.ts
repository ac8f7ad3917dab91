/** The fleet as the stack deployed it beside the functions. */
import { readFileSync } from "node:fs";

import type { Fleet, FleetCluster } from "../config/fleet.ts";
import { type ObjectKey, parseKey } from "../lease/message.ts";
import { formatFindings, parseFleet } from "../config/parse-fleet.ts";

/** @throws when the file is not what synth validated */
export function readFleetFile(path: string): Fleet {
  const parsed = parseFleet(readFileSync(path, "utf8"));
  if (!parsed.ok) throw new Error(`${path} is not a fleet: ${formatFindings(parsed.findings)}`);
  return parsed.fleet;
}

/** Undefined for a cluster that left the fleet: its messages are void. */
export function findCluster(fleet: Fleet, name: string): FleetCluster | undefined {
  return fleet.clusters.find((cluster) => cluster.name === name);
}

/** The object that a message is about; undefined for a key that is none, and when its cluster left the fleet. */
export function findObject(fleet: Fleet, key: string): ObjectKey | undefined {
  const self = parseKey(key);
  return self && findCluster(fleet, self.cluster) ? self : undefined;
}
