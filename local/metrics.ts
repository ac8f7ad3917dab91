/** CloudWatch metrics of this machine: embedded metric format lines from the functions' output, and what the runner counts. */
import { isRecord, list, type Json } from "./json.ts";

export interface MetricPoint {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly values: readonly number[];
}

export interface MetricQuery {
  readonly namespace: string;
  readonly name: string;
  /** Exactly these: CloudWatch never adds up other dimension sets. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly from: number;
  readonly to: number;
  readonly statistic: string;
}

export interface MetricStore {
  record(point: MetricPoint): void;
  /** Takes the metrics out of a line of output; anything else is left alone. */
  recordLine(line: string): void;
  /** Undefined when there is no value in the period. @throws Error for a statistic that is not computed here. */
  statistic(query: MetricQuery): number | undefined;
  readonly points: readonly MetricPoint[];
}

const keptPoints = 20_000;

export function createMetricStore(): MetricStore {
  let points: MetricPoint[] = [];
  const record = (point: MetricPoint) => {
    points.push(point);
    if (points.length > keptPoints * 1.1) points = points.slice(-keptPoints);
  };
  return {
    record,
    recordLine(line) {
      for (const point of parseEmbeddedMetrics(line)) record(point);
    },
    statistic(query) {
      const values = points.filter((point) => belongs(point, query)).flatMap((point) => point.values);
      return values.length === 0 ? undefined : compute(query.statistic, values);
    },
    get points() {
      return points;
    },
  };
}

function belongs(point: MetricPoint, query: MetricQuery): boolean {
  const wanted = Object.entries(query.dimensions);
  return (
    point.namespace === query.namespace &&
    point.name === query.name &&
    point.at > query.from &&
    point.at <= query.to &&
    wanted.length === Object.keys(point.dimensions).length &&
    wanted.every(([name, value]) => point.dimensions[name] === value)
  );
}

export function compute(statistic: string, values: readonly number[]): number {
  const percentile = /^p(\d+(?:\.\d+)?)$/i.exec(statistic);
  if (percentile !== null) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((Number(percentile[1]) / 100) * sorted.length) - 1)] ?? 0;
  }
  switch (statistic.toLowerCase()) {
    case "sum":
      return values.reduce((total, value) => total + value, 0);
    case "average":
    case "avg":
      return values.reduce((total, value) => total + value, 0) / values.length;
    case "maximum":
    case "max":
      return Math.max(...values);
    case "minimum":
    case "min":
      return Math.min(...values);
    case "samplecount":
    case "count":
      return values.length;
    default:
      throw new Error(`the statistic ${statistic} is not computed on this machine`);
  }
}

/** Every set of dimensions is a metric of its own. */
export function parseEmbeddedMetrics(line: string): readonly MetricPoint[] {
  if (!line.startsWith("{") || !line.includes('"_aws"')) return [];
  let body: unknown;
  try {
    body = JSON.parse(line);
  } catch {
    return [];
  }
  if (!isRecord(body) || !isRecord(body._aws)) return [];
  const at = typeof body._aws.Timestamp === "number" ? body._aws.Timestamp : Date.now();
  const root: Json = body;
  return list(body._aws.CloudWatchMetrics).flatMap((directive) =>
    isRecord(directive) ? pointsOf(directive, root, at) : [],
  );
}

function pointsOf(directive: Json, root: Json, at: number): readonly MetricPoint[] {
  const sets = list(directive.Dimensions).map((set) => list(set).map(String));
  const names = list(directive.Metrics).flatMap((metric) => (isRecord(metric) ? [String(metric.Name)] : []));
  return (sets.length === 0 ? [[]] : sets).flatMap((set) =>
    names.flatMap((name) => {
      const values = list(root[name]).filter((value) => typeof value === "number");
      if (values.length === 0) return [];
      const dimensions = Object.fromEntries(set.map((dimension) => [dimension, String(root[dimension])]));
      return [{ namespace: String(directive.Namespace), name, dimensions, at, values }];
    }),
  );
}
