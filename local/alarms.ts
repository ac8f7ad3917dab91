/**
 * Evaluates the template's CloudWatch alarms against the metrics of this machine, by CloudWatch's rules: static thresholds
 * over metrics, simple metric math and `SELECT … FROM SCHEMA(…) GROUP BY …`, M out of N, missing values, composite rules.
 * What it cannot evaluate it says of the alarm, instead of "OK".
 */
import { seriesOf, type Series } from "./alarm-series.ts";
import { evaluateRule } from "./composite-rule.ts";
import { type Json, integer, optionalText, text } from "./json.ts";
import type { MetricStore } from "./metrics.ts";
import { type AlarmRule, type AlarmValue, decide, extraPeriods } from "./missing-values.ts";
import type { Resource } from "./template.ts";

export interface AlarmState {
  readonly name: string;
  readonly state: AlarmValue;
  readonly reason: string;
  /** A composite whose suppressor rings changes its state, but tells nobody. */
  readonly suppressed?: boolean;
}

/**
 * @param alarms resources of type AWS::CloudWatch::Alarm and CompositeAlarm
 * @param now in milliseconds since the epoch; the newest period ends here
 * @param before what they were when last looked at
 */
export function evaluateAlarms(
  alarms: readonly Resource[],
  metrics: MetricStore,
  now: number,
  before: ReadonlyMap<string, AlarmValue> = new Map(),
): readonly AlarmState[] {
  const known = new Map(alarms.map((alarm) => [alarm.name, alarm]));
  const found = new Map<string, AlarmState>();
  const stateOf = (name: string): AlarmState => {
    const alarm = known.get(name);
    if (alarm === undefined) throw new Error(`there is no alarm ${name}`);
    const state = found.get(name) ?? evaluate(alarm, name);
    found.set(name, state);
    return state;
  };
  const evaluate = ({ type, properties }: Resource, name: string): AlarmState => {
    // Whoever asks for itself, over others, finds this and not itself again.
    found.set(name, { name, state: "INSUFFICIENT_DATA", reason: "its rule asks for itself" });
    try {
      return type === "AWS::CloudWatch::CompositeAlarm"
        ? { name, ...evaluateComposite(properties, (child) => stateOf(child).state) }
        : { name, ...evaluateAlarm(properties, { metrics, now, before: before.get(name) ?? "INSUFFICIENT_DATA" }) };
    } catch (error) {
      return { name, state: "INSUFFICIENT_DATA", reason: error instanceof Error ? error.message : String(error) };
    }
  };
  return alarms.map(({ name }) => stateOf(name));
}

function evaluateComposite(
  { AlarmRule: rule, ActionsSuppressor: suppressor }: Json,
  stateOf: (name: string) => AlarmValue,
): Omit<AlarmState, "name"> {
  const { value, because } = evaluateRule(text(rule, "AlarmRule"), stateOf);
  const suppressing = optionalText(suppressor, "ActionsSuppressor");
  const suppressed = suppressing !== undefined && stateOf(suppressing.replace(/^.*:/, "")) === "ALARM";
  const told = suppressed ? { suppressed } : {};
  if (!value) return { state: "OK", reason: "none of its alarms rings", ...told };
  return { state: "ALARM", reason: because.join(", "), ...told };
}

interface Look {
  readonly metrics: MetricStore;
  readonly now: number;
  readonly before: AlarmValue;
}

function evaluateAlarm(alarm: Json, { metrics, now, before }: Look): Omit<AlarmState, "name"> {
  const periods = integer(alarm.EvaluationPeriods, 1);
  const needed = integer(alarm.DatapointsToAlarm, periods);
  const treatMissing = optionalText(alarm.TreatMissingData, "TreatMissingData") ?? "missing";
  const rule: AlarmRule = { periods, needed, treatMissing, before };
  const operator = text(alarm.ComparisonOperator, "ComparisonOperator");
  const threshold = Number(alarm.Threshold);
  const breaches = comparisonOf(operator);
  const decided = seriesOf(alarm, { metrics, now, periods: periods + extraPeriods }).map((series) => ({
    series,
    state: decide(
      series.values.map((value) => (value === undefined ? undefined : breaches(value, threshold))),
      rule,
    ),
  }));
  const ringing = decided.filter(({ state }) => state === "ALARM");
  if (ringing.length > 0) {
    const values = ringing.map(({ series }) => printed(series, periods)).join("; ");
    return { state: "ALARM", reason: `${needed} of ${periods} values ${operator} ${threshold}: ${values}` };
  }
  if (decided.every(({ state }) => state === "INSUFFICIENT_DATA"))
    return { state: "INSUFFICIENT_DATA", reason: "no values in the evaluated periods" };
  return { state: "OK", reason: `fewer than ${needed} of ${periods} values ${operator} ${threshold}` };
}

/** `production 3, 1`, newest first. */
function printed({ label, values }: Series, periods: number): string {
  const known = values.filter((value) => value !== undefined).slice(0, periods);
  const numbers = known.length === 0 ? "no values" : known.map((value) => Math.round(value * 1000) / 1000).join(", ");
  return label === "" ? numbers : `${label} ${numbers}`;
}

/** @throws Error for a comparison of bands */
function comparisonOf(operator: string): (value: number, threshold: number) => boolean {
  switch (operator) {
    case "GreaterThanThreshold":
      return (value, threshold) => value > threshold;
    case "GreaterThanOrEqualToThreshold":
      return (value, threshold) => value >= threshold;
    case "LessThanThreshold":
      return (value, threshold) => value < threshold;
    case "LessThanOrEqualToThreshold":
      return (value, threshold) => value <= threshold;
    default:
      throw new Error(`the comparison ${operator} is not evaluated on this machine`);
  }
}
