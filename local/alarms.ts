/**
 * Evaluates the template's CloudWatch alarms against the metrics of this machine: static thresholds, metric math of the
 * simple kind and `SELECT … FROM SCHEMA(…) GROUP BY …`. What it cannot evaluate it says of the alarm, instead of "OK".
 */
import { type Json, integer, isRecord, list, optionalText, record, text } from "./json.ts";
import { type MetricQuery, type MetricStore, compute } from "./metrics.ts";
import type { Resource } from "./template.ts";

export interface AlarmState {
  readonly name: string;
  readonly state: "OK" | "ALARM" | "INSUFFICIENT_DATA";
  readonly reason: string;
}

/** `alarms` are resources of type AWS::CloudWatch::Alarm and CompositeAlarm; `now` in milliseconds since the epoch. */
export function evaluateAlarms(alarms: readonly Resource[], metrics: MetricStore, now: number): readonly AlarmState[] {
  const composite = (alarm: Resource) => alarm.type === "AWS::CloudWatch::CompositeAlarm";
  const single = evaluateEach(
    alarms.filter((alarm) => !composite(alarm)),
    metrics,
    now,
  );
  return [...single, ...alarms.filter(composite).map((alarm) => evaluateComposite(alarm, single))];
}

/** `(ALARM("<name or ARN>") OR ALARM(…))`, the form of CDK's anyOf. */
function evaluateComposite({ name, properties }: Resource, states: readonly AlarmState[]): AlarmState {
  const rule = text(properties.AlarmRule, `rule of ${name}`);
  const children = [...rule.matchAll(/ALARM\("?([^")]+)"?\)/g)].map(([, child = ""]) =>
    child.slice(child.lastIndexOf(":") + 1),
  );
  if (/\b(AND|NOT|OK|INSUFFICIENT_DATA|TRUE|FALSE)\b/.test(rule.replace(/"[^"]*"/g, ""))) {
    return { name, state: "INSUFFICIENT_DATA", reason: `the rule ${rule} is not evaluated on this machine` };
  }
  const ringing = states
    .filter((state) => children.includes(state.name) && state.state === "ALARM")
    .map((state) => state.name);
  if (ringing.length === 0) return { name, state: "OK", reason: "none of its alarms rings" };
  return { name, state: "ALARM", reason: ringing.join(", ") };
}

function evaluateEach(alarms: readonly Resource[], metrics: MetricStore, now: number): readonly AlarmState[] {
  return alarms.map((alarm) => {
    try {
      return { name: alarm.name, ...evaluateAlarm(alarm.properties, metrics, now) };
    } catch (error) {
      return {
        name: alarm.name,
        state: "INSUFFICIENT_DATA",
        reason: error instanceof Error ? error.message : String(error),
      };
    }
  });
}

/** One value per period, newest first; undefined where there are no points. */
type Series = readonly (number | undefined)[];

function evaluateAlarm(alarm: Json, metrics: MetricStore, now: number): Omit<AlarmState, "name"> {
  const periods = integer(alarm.EvaluationPeriods, 1);
  const needed = integer(alarm.DatapointsToAlarm, periods);
  const operator = text(alarm.ComparisonOperator, "ComparisonOperator");
  const threshold = Number(alarm.Threshold);
  const breaching = seriesOf(alarm, { metrics, now, periods }).map((series) => {
    const marks = series.map((value) => (value === undefined ? missing(alarm) : breaches(operator, value, threshold)));
    const known = marks.filter((mark) => mark !== undefined);
    return { count: known.filter(Boolean).length, known: known.length, values: series };
  });
  const worst = breaching.find(({ count }) => count >= needed);
  if (worst !== undefined) {
    return {
      state: "ALARM",
      reason: `${worst.count} of ${periods} values [${worst.values.join(", ")}] ${operator} ${threshold}`,
    };
  }
  if (breaching.every(({ known }) => known === 0))
    return { state: "INSUFFICIENT_DATA", reason: "no values in the evaluated periods" };
  return { state: "OK", reason: `fewer than ${needed} of ${periods} values ${operator} ${threshold}` };
}

/** Undefined leaves the period out of the count. */
function missing(alarm: Json): boolean | undefined {
  if (alarm.TreatMissingData === "breaching") return true;
  return alarm.TreatMissingData === "notBreaching" ? false : undefined;
}

function breaches(operator: string, value: number, threshold: number): boolean {
  switch (operator) {
    case "GreaterThanThreshold":
      return value > threshold;
    case "GreaterThanOrEqualToThreshold":
      return value >= threshold;
    case "LessThanThreshold":
      return value < threshold;
    case "LessThanOrEqualToThreshold":
      return value <= threshold;
    default:
      throw new Error(`the comparison ${operator} is not evaluated on this machine`);
  }
}

interface Window {
  readonly metrics: MetricStore;
  readonly now: number;
  readonly periods: number;
}

/** Several series when the alarm's query groups by a dimension. */
function seriesOf(alarm: Json, window: Window): readonly Series[] {
  if (alarm.MetricName !== undefined) {
    const statistic = optionalText(alarm.Statistic, "Statistic") ?? text(alarm.ExtendedStatistic, "ExtendedStatistic");
    return [metricSeries(alarm, statistic, integer(alarm.Period, 60), window)];
  }
  const queries = list(alarm.Metrics).map((query) => record(query, "metric query"));
  const returned = queries.find((query) => query.ReturnData !== false && query.ReturnData !== "false");
  if (returned === undefined) throw new Error("the alarm returns no metric");
  const expression = optionalText(returned.Expression, "Expression");
  if (expression === undefined) return [statSeries(returned, window)];
  if (/^\s*SELECT\s/i.test(expression)) return selectSeries(expression, integer(returned.Period, 300), window);
  return [mathSeries(expression, queries, window)];
}

function metricSeries(
  metric: Json,
  statistic: string,
  periodSeconds: number,
  { metrics, now, periods }: Window,
): Series {
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
  return windows(now, periods, periodSeconds).map((range) => metrics.statistic({ ...base, ...range }));
}

/** Periods that end now, newest first. */
function windows(now: number, periods: number, periodSeconds: number): readonly Pick<MetricQuery, "from" | "to">[] {
  const length = periodSeconds * 1000;
  return Array.from({ length: periods }, (_, index) => ({
    from: now - (index + 1) * length,
    to: now - index * length,
  }));
}

function statSeries(query: Json, window: Window): Series {
  const stat = record(query.MetricStat, "MetricStat");
  return metricSeries(record(stat.Metric, "Metric"), text(stat.Stat, "Stat"), integer(stat.Period, 60), window);
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
      point.namespace === namespace && point.name === name && sameSet(Object.keys(point.dimensions), dimensions),
  );
  const groups = new Set(points.map((point) => (group === undefined ? "" : (point.dimensions[group] ?? ""))));
  const ranges = windows(window.now, window.periods, periodSeconds);
  // A group that has no member yet is a series without values.
  if (groups.size === 0) return [ranges.map(() => undefined)];
  return [...groups].map((member) =>
    ranges.map(({ from, to }) => {
      const values = points
        .filter(
          (point) => (group === undefined || point.dimensions[group] === member) && point.at > from && point.at <= to,
        )
        .flatMap((point) => point.values);
      return values.length === 0 ? undefined : compute(statistic, values);
    }),
  );
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item) => b.includes(item));

/** Sums, differences, products and ratios of metrics and numbers, `FILL(m, 0)` and `SUM|MAX|MIN|AVG([a, b])`. */
function mathSeries(expression: string, queries: readonly Json[], window: Window): Series {
  const series = new Map(
    queries
      .filter((query) => isRecord(query.MetricStat))
      .map((query) => [text(query.Id, "Id"), statSeries(query, window)]),
  );
  return Array.from({ length: window.periods }, (_, index) =>
    evaluateMath(expression, (id) => series.get(id)?.[index]),
  );
}

/** @throws Error for what is not plain arithmetic. */
export function evaluateMath(expression: string, valueOf: (id: string) => number | undefined): number | undefined {
  const tokens = expression.match(/[A-Za-z_]\w*|\d+(?:\.\d+)?|[-+*/(),[\]]/g) ?? [];
  if (tokens.join("") !== expression.replace(/\s+/g, ""))
    throw new Error(`the expression ${expression} is not evaluated on this machine`);
  let at = 0;
  const binary = (operators: readonly string[], next: () => number | undefined) => (): number | undefined => {
    let left = next();
    while (operators.includes(tokens[at] ?? "")) left = apply(tokens[at++] ?? "", left, next());
    return left;
  };
  const factor = (): number | undefined => {
    const token = tokens[at++] ?? "";
    if (token === "(") {
      const inner = sum();
      at += 1;
      return inner;
    }
    if (token === "FILL") {
      at += 1;
      const filled = sum();
      at += 1;
      const replacement = sum();
      at += 1;
      return filled ?? replacement;
    }
    if (/^(SUM|MAX|MIN|AVG)$/.test(token)) {
      const values = members();
      return values.length === 0 ? undefined : compute(token, values);
    }
    if (/^\d/.test(token)) return Number(token);
    if (!/^[a-z]/.test(token)) throw new Error(`the expression ${expression} is not evaluated on this machine`);
    return valueOf(token);
  };
  /** After a function's name: `([a, b])`, the metrics without a value left out. */
  const members = (): readonly number[] => {
    const values: (number | undefined)[] = [];
    at += 1;
    do {
      at += 1;
      values.push(sum());
    } while (tokens[at] === ",");
    at += 2;
    return values.filter((value) => value !== undefined);
  };
  const product = binary(["*", "/"], factor);
  const sum = binary(["+", "-"], product);
  return sum();
}

function apply(operator: string, left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return undefined;
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  if (operator === "*") return left * right;
  return right === 0 ? undefined : left / right;
}
