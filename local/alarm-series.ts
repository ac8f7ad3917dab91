/** The values that an alarm looks at: one series for a metric or an expression, one for each group of a `SELECT`. */
import { type Json, integer, isRecord, list, optionalText, record, text } from "./json.ts";
import { evaluateMath } from "./metric-math.ts";
import { type MetricQuery, type MetricStore, compute } from "./metrics.ts";

/** Values of whole periods, newest first; undefined where there are no points. */
export interface Series {
  /** The member of the group, e.g. a cluster; empty where nothing is grouped. */
  readonly label: string;
  readonly values: readonly (number | undefined)[];
}

export interface Window {
  readonly metrics: MetricStore;
  /** The newest period ends here, in milliseconds since the epoch. */
  readonly now: number;
  readonly periods: number;
}

/** CloudWatch's queries see no older points; a group that has none is no series any more. */
const queryHorizonMillis = 3 * 3_600_000;

/** @throws Error for what is not computed on this machine */
export function seriesOf(alarm: Json, window: Window): readonly Series[] {
  if (alarm.MetricName !== undefined) {
    const statistic = optionalText(alarm.Statistic, "Statistic") ?? text(alarm.ExtendedStatistic, "ExtendedStatistic");
    return [single(metricValues(alarm, statistic, integer(alarm.Period, 60), window))];
  }
  const queries = list(alarm.Metrics).map((query) => record(query, "metric query"));
  const returned = queries.find((query) => query.ReturnData !== false && query.ReturnData !== "false");
  if (returned === undefined) throw new Error("the alarm returns no metric");
  const expression = optionalText(returned.Expression, "Expression");
  if (expression === undefined) return [single(statValues(returned, window))];
  if (/^\s*SELECT\s/i.test(expression)) return selectSeries(expression, integer(returned.Period, 300), window);
  return [single(mathValues(expression, queries, window))];
}

const single = (values: Series["values"]): Series => ({ label: "", values });

function metricValues(
  metric: Json,
  statistic: string,
  periodSeconds: number,
  { metrics, now, periods }: Window,
): Series["values"] {
  const dimensions = Object.fromEntries(
    list(metric.Dimensions).map((value) => {
      const { Name, Value } = record(value, "dimension");
      return [text(Name, "dimension"), text(Value, "dimension")];
    }),
  );
  const base = {
    namespace: text(metric.Namespace, "Namespace"),
    name: text(metric.MetricName, "MetricName"),
    dimensions,
    statistic,
  };
  return ranges(now, periods, periodSeconds).map((range) => metrics.statistic({ ...base, ...range }));
}

/** Periods that end now, newest first. */
function ranges(now: number, periods: number, periodSeconds: number): readonly Pick<MetricQuery, "from" | "to">[] {
  const length = periodSeconds * 1000;
  return Array.from({ length: periods }, (_, index) => ({
    from: now - (index + 1) * length,
    to: now - index * length,
  }));
}

function statValues(query: Json, window: Window): Series["values"] {
  const stat = record(query.MetricStat, "MetricStat");
  return metricValues(record(stat.Metric, "Metric"), text(stat.Stat, "Stat"), integer(stat.Period, 60), window);
}

/** `SELECT MAX(name) FROM SCHEMA("namespace", dimension, …) GROUP BY dimension`. */
function selectSeries(expression: string, periodSeconds: number, window: Window): readonly Series[] {
  const parsed = /^\s*SELECT\s+(\w+)\("?([\w.]+)"?\)\s+FROM\s+SCHEMA\(([^)]*)\)(?:\s+GROUP BY\s+"?(\w+)"?)?\s*$/i.exec(
    expression,
  );
  if (parsed === null) throw new Error(`the query ${expression} is not evaluated on this machine`);
  const [, statistic = "", name = "", schema = "", group] = parsed;
  const [namespace = "", ...dimensions] = schema.split(",").map((part) => part.trim().replace(/^"|"$/g, ""));
  const points = window.metrics.points.filter(
    (point) =>
      point.namespace === namespace &&
      point.name === name &&
      point.at > window.now - queryHorizonMillis &&
      point.at <= window.now &&
      sameSet(Object.keys(point.dimensions), dimensions),
  );
  const groups = new Set(points.map((point) => (group === undefined ? "" : (point.dimensions[group] ?? ""))));
  const periods = ranges(window.now, window.periods, periodSeconds);
  // A group that has no member yet is a series without values.
  if (groups.size === 0) return [single(periods.map(() => undefined))];
  return [...groups].map((label) => ({
    label,
    values: periods.map(({ from, to }) => {
      const values = points
        .filter(
          (point) => (group === undefined || point.dimensions[group] === label) && point.at > from && point.at <= to,
        )
        .flatMap((point) => point.values);
      return values.length === 0 ? undefined : compute(statistic, values);
    }),
  }));
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item) => b.includes(item));

function mathValues(expression: string, queries: readonly Json[], window: Window): Series["values"] {
  const values = new Map(
    queries
      .filter((query) => isRecord(query.MetricStat))
      .map((query) => [text(query.Id, "Id"), statValues(query, window)]),
  );
  return Array.from({ length: window.periods }, (_, index) =>
    evaluateMath(expression, (id) => values.get(id)?.[index]),
  );
}
