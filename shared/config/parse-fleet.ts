/**
 * Reads `fleet.json`. Every finding is reported at once with its path, so that one synth shows all of them; an unknown
 * field is a finding, for a misspelt setting must not be silently off.
 */
import { driftModes } from "../drift/mode.ts";
import { nearest } from "../runtime/nearest.ts";
import { parseClusterArn } from "./cluster-arn.ts";
import type { Fleet } from "./fleet.ts";

export interface FleetFinding {
  /** e.g. `clusters[0].arn`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

export type ParsedFleet =
  { readonly ok: true; readonly fleet: Fleet } | { readonly ok: false; readonly findings: readonly FleetFinding[] };

export const fleetLimits = {
  /** Names of roles hold the engine, the cluster and the purpose in 64 characters. */
  engineCharacters: 24,
  clusterCharacters: 63,
  clusters: 1000,
  decryptionKeys: 50,
  hubs: 20,
} as const;

/** For people, one finding a line. */
export function formatFindings(findings: readonly FleetFinding[]): string {
  return findings.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("\n");
}

/** Parses and validates the text of a `fleet.json`; never throws. */
export function parseFleet(text: string): ParsedFleet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, findings: [{ path: "", message: `is not JSON: ${(error as Error).message}` }] };
  }
  const findings: FleetFinding[] = [];
  fleet({ value, path: "", report: (path, message) => findings.push({ path, message }) });
  // Each field of the type was checked above, and there are no others.
  return findings.length > 0 ? { ok: false, findings } : { ok: true, fleet: value as Fleet };
}

interface Checked {
  readonly value: unknown;
  readonly path: string;
  readonly report: (path: string, message: string) => void;
}
type Check = (checked: Checked) => void;
interface Field {
  readonly check: Check;
  readonly required?: boolean;
}

const quote = (value: unknown): string => JSON.stringify(value);

/** A string for which `problem` says nothing. */
const text =
  (problem: (value: string) => string | undefined): Check =>
  ({ value, path, report }) => {
    const message = typeof value === "string" ? problem(value) : `must be a string, not ${quote(value)}`;
    if (message !== undefined) report(path, message);
  };

const flag: Check = ({ value, path, report }) => {
  if (typeof value !== "boolean") report(path, `must be true or false, not ${quote(value)}`);
};

const oneOf = (...allowed: readonly string[]): Check =>
  text((value) =>
    allowed.includes(value) ? undefined : `must be one of ${allowed.map(quote).join(", ")}, not ${quote(value)}`,
  );

const list =
  (check: Check, most: number): Check =>
  ({ value, path, report }) => {
    if (!Array.isArray(value)) report(path, `must be a list, not ${quote(value)}`);
    else if (value.length > most) report(path, `has ${value.length} entries; at most ${most} are allowed`);
    else value.forEach((entry: unknown, index) => check({ value: entry, path: `${path}[${index}]`, report }));
  };

const record =
  (fields: Readonly<Record<string, Field>>, also: Check = () => undefined): Check =>
  (checked) => {
    const { value, path, report } = checked;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      report(path, `must be an object, not ${quote(value)}`);
      return;
    }
    const at = (name: string) => (path ? `${path}.${name}` : name);
    const entries = new Map<string, unknown>(Object.entries(value));
    for (const name of entries.keys()) {
      if (!Object.hasOwn(fields, name)) {
        const meant = nearest(name, Object.keys(fields));
        const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
        report(at(name), `is not a field${hint || ";"} the fields here are ${Object.keys(fields).join(", ")}`);
      }
    }
    for (const [name, { check, required }] of Object.entries(fields)) {
      if (entries.has(name)) check({ value: entries.get(name), path: at(name), report });
      else if (required) report(at(name), "is missing");
    }
    also(checked);
  };

/** RFC 1123 label: what a Kubernetes namespace allows. */
const label = (most: number): Check =>
  text((value) => {
    if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(value)) {
      return `must be lower-case letters, digits and inner dashes, not ${quote(value)}`;
    }
    return value.length > most ? `has ${value.length} characters; at most ${most} are allowed` : undefined;
  });

const account = text((value) =>
  /^\d{12}$/.test(value) ? undefined : `must be an account number of 12 digits, not ${quote(value)}`,
);

const clusterArn = text((value) =>
  parseClusterArn(value)
    ? undefined
    : `must be the ARN of an EKS cluster (arn:aws:eks:<region>:<account>:cluster/<name>), not ${quote(value)}`,
);

const keyArn = text((value) =>
  /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[0-9A-Za-z-]+$/.test(value)
    ? undefined
    : `must be the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>; no alias), not ${quote(value)}`,
);

/** GitRepository's rule for `spec.url`. A password in it would be printed by templates and logs, so it is never quoted. */
const gitUrl = text((value) => {
  if (!/^(https?|ssh):\/\//.test(value) || !URL.canParse(value)) return "must be an http://, https:// or ssh:// URL";
  const { password, username, protocol } = new URL(value);
  if (password || (username && protocol !== "ssh:")) return "must hold no credentials; name a Secret in secretRef";
  return undefined;
});

const branch = text((value) =>
  /^(?![/.-])(?!.*(\.\.|\/\/|@\{|\.lock$|\/$))[^\s~^:?*[\\]{1,255}$/.test(value) ? undefined : "is not a branch name",
);

const relativePath = text((value) => {
  if (value === "" || value.startsWith("/"))
    return `must be a path relative to the repository's root, not ${quote(value)}`;
  return value.split("/").includes("..") ? `must stay in the repository, but holds ".."` : undefined;
});

const secretName = text((value) =>
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(value)
    ? undefined
    : `must be the name of a Secret, not ${quote(value)}`,
);

const sync = record({
  url: { check: gitUrl, required: true },
  branch: { check: branch },
  path: { check: relativePath, required: true },
  secretRef: { check: secretName },
});

const cluster = record({
  name: { check: label(fleetLimits.clusterCharacters), required: true },
  arn: { check: clusterArn, required: true },
  sync: { check: sync },
  drift: { check: oneOf(...driftModes) },
  compatibility: { check: oneOf("2.8", "2.9", "2.10") },
  lockdown: { check: flag },
  takeOver: { check: flag },
  auditLogs: { check: flag },
  hubs: { check: list(label(fleetLimits.clusterCharacters), fleetLimits.hubs) },
  decryptionKeys: { check: list(keyArn, fleetLimits.decryptionKeys) },
});

/** Two entries for one cluster would be two engines that do not know of each other. */
const distinctClusters: Check = ({ value, report }) => {
  const clusters = (value as { readonly clusters?: unknown }).clusters;
  if (!Array.isArray(clusters)) return;
  for (const field of ["name", "arn"] as const) {
    const seen = new Map<unknown, number>();
    clusters.forEach((entry: unknown, index) => {
      const own = (entry as Partial<Record<typeof field, unknown>> | null)?.[field];
      const before = seen.get(own);
      if (typeof own !== "string") return;
      if (before === undefined) seen.set(own, index);
      else report(`clusters[${index}].${field}`, `is the same as clusters[${before}].${field}, ${quote(own)}`);
    });
  }
};

/** A misspelt hub would be found out by the Kustomizations that it was meant to let in. */
const hubsInFleet: Check = ({ value, report }) => {
  const clusters = (value as { readonly clusters?: unknown }).clusters;
  if (!Array.isArray(clusters)) return;
  const entries = clusters as readonly (Partial<Record<"name" | "hubs", unknown>> | null)[];
  const names = new Set(entries.map((entry) => entry?.name));
  entries.forEach((entry, index) => {
    if (!Array.isArray(entry?.hubs)) return;
    entry.hubs.forEach((hub: unknown, at) => {
      if (typeof hub === "string" && !names.has(hub))
        report(`clusters[${index}].hubs[${at}]`, `${quote(hub)} is no cluster of this fleet`);
    });
  });
};

/** The clusters' roles must name the engine's account, and synthesis does not know where it will be deployed. */
const accountOfEngine: Check = ({ value, report }) => {
  const { account: given, clusters } = value as { readonly account?: unknown; readonly clusters?: unknown };
  if (given !== undefined || !Array.isArray(clusters)) return;
  const arns = clusters.map((entry: unknown) => (entry as Partial<Record<"arn", unknown>> | null)?.arn);
  const accounts = new Set(
    arns.flatMap((arn) => (typeof arn === "string" ? (parseClusterArn(arn)?.account ?? []) : [])),
  );
  if (accounts.size > 1) {
    report(
      "account",
      `is missing: the clusters live in ${accounts.size} accounts, so say which is the control plane's`,
    );
  }
};

/** CloudWatch Logs delivers to functions of the log group's own account alone. */
const auditedInAccount: Check = ({ value, report }) => {
  const { account: given, clusters } = value as { readonly account?: unknown; readonly clusters?: unknown };
  if (typeof given !== "string" || !Array.isArray(clusters)) return;
  clusters.forEach((entry: unknown, index) => {
    const { arn, auditLogs } = (entry ?? {}) as Partial<Record<"arn" | "auditLogs", unknown>>;
    const own = typeof arn === "string" ? parseClusterArn(arn)?.account : undefined;
    if (auditLogs === true && own !== undefined && own !== given)
      report(`clusters[${index}].auditLogs`, `needs a cluster in the control plane's account ${given}, not in ${own}`);
  });
};

const fleet = record(
  {
    engine: { check: label(fleetLimits.engineCharacters), required: true },
    account: { check: account },
    clusters: { check: list(cluster, fleetLimits.clusters), required: true },
  },
  (checked) => {
    distinctClusters(checked);
    hubsInFleet(checked);
    accountOfEngine(checked);
    auditedInAccount(checked);
  },
);
