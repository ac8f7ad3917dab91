/** B14: what a function loads when it starts: size of its bundle, time of its import in a fresh process, memory after it. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Figure } from "./figure.ts";

const root = join(import.meta.dirname, "..", "..");
const startsPerFunction = 5;

interface Limit {
  readonly kilobytes: number;
  readonly seconds: number;
}

const small: Limit = { kilobytes: 600, seconds: 0.08 };
const large: Limit = { kilobytes: 1600, seconds: 0.16 };

/** Those without a limit are only told of. */
const functions: Readonly<Record<string, Limit | undefined>> = {
  webhook: small,
  tick: small,
  audit: undefined,
  sweep: undefined,
  source: undefined,
  render: undefined,
  reconcile: large,
};

/** What the functions read when they start. */
const environment = {
  AWS_REGION: "eu-west-1",
  AWS_ACCESS_KEY_ID: "bench",
  AWS_SECRET_ACCESS_KEY: "bench",
  DRIFTLESS_ENGINE: "bench",
  DRIFTLESS_TABLE: "bench",
  DRIFTLESS_BUCKET: "bench",
  DRIFTLESS_QUEUE_SOURCE: "https://sqs.eu-west-1.amazonaws.com/111122223333/bench-source",
  DRIFTLESS_QUEUE_RECONCILE: "https://sqs.eu-west-1.amazonaws.com/111122223333/bench-reconcile",
  DRIFTLESS_QUEUE_SWEEP: "https://sqs.eu-west-1.amazonaws.com/111122223333/bench-sweep",
  DRIFTLESS_RENDER_FUNCTION: "bench-render",
  DRIFTLESS_WEBHOOK_SECRET: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:bench",
  DRIFTLESS_DIGEST_SECRET: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:digest",
  DRIFTLESS_FLEET_FILE: join(root, "dist", "bench-fleet.json"),
  DRIFTLESS_KUBECTL: "/opt/kubectl/kubectl",
  DRIFTLESS_EXTERNAL_ID: "bench",
  DRIFTLESS_KEY: "arn:aws:kms:eu-west-1:111122223333:key/bench",
};

const fleet = {
  engine: "bench",
  clusters: [{ name: "bench", arn: "arn:aws:eks:eu-west-1:111122223333:cluster/bench" }],
};

export function coldStartFigures(progress: (line: string) => void): readonly Figure[] {
  execFileSync(process.execPath, [join(root, "build.mjs"), "--only", "functions", "--quiet"], { cwd: root });
  writeFileSync(environment.DRIFTLESS_FLEET_FILE, JSON.stringify(fleet));
  return Object.entries(functions).flatMap(([name, limit]) => {
    progress(`starting ${name}`);
    const entry = join(root, "dist", "functions", name, "handler.mjs");
    const starts = Array.from({ length: startsPerFunction }, () => start(entry));
    const figure = (metric: string, unit: Figure["unit"], value: number, most?: number): Figure => ({
      bench: "B14",
      metric: `${name}, ${metric}`,
      unit,
      driftless: value,
      ...(most === undefined ? {} : { target: { relation: "<=", value: most, of: "value", promised: false } as const }),
    });
    return [
      figure("loaded at the start", "KB", Math.ceil(loadedBytes(entry) / 1000), limit?.kilobytes),
      figure(
        "import in a fresh process, least",
        "s",
        Math.min(...starts.map(({ seconds }) => seconds)),
        limit?.seconds,
      ),
      figure("memory after it, most", "MB", Math.max(...starts.map(({ megabytes }) => megabytes))),
    ];
  });
}

function start(entry: string): { readonly seconds: number; readonly megabytes: number } {
  const script = `const from = performance.now(); await import(${JSON.stringify(entry)}); console.log(JSON.stringify({ seconds: (performance.now() - from) / 1000, megabytes: Math.round(process.memoryUsage.rss() / 1e6) })); process.exit();`;
  const env = { ...process.env, ...environment };
  const text = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", env });
  return JSON.parse(text.trim().split("\n").at(-1) ?? "{}") as { seconds: number; megabytes: number };
}

/** With what it imports at once; chunks that are loaded when they are needed do not count. */
export function loadedBytes(entry: string, seen = new Set<string>()): number {
  if (seen.has(entry)) return 0;
  seen.add(entry);
  const text = readFileSync(entry, "utf8");
  const imported = [...text.matchAll(/(?:from|import)\s*"(\.[^"]+)"/g)].map(([, path = ""]) =>
    join(dirname(entry), path),
  );
  return Buffer.byteLength(text) + imported.reduce((sum, path) => sum + loadedBytes(path, seen), 0);
}
