/** How CloudWatch decides on an alarm from breaching, good and missing values: "M out of N" and what silence counts as. */
export type AlarmValue = "OK" | "ALARM" | "INSUFFICIENT_DATA";

export interface AlarmRule {
  /** N, the values that are looked at. */
  readonly periods: number;
  /** M, the breaching ones that it takes. */
  readonly needed: number;
  /** Default `missing`. */
  readonly treatMissing: string;
  /** What it was before; kept where `ignore` says so. */
  readonly before: AlarmValue;
}

/** CloudWatch looks back so many periods further than the alarm says, for values in the place of missing ones. */
export const extraPeriods = 2;

/**
 * @param marks whether each period's value breaches, newest first, `periods + extraPeriods` of them; undefined where there
 * is no value
 */
export function decide(marks: readonly (boolean | undefined)[], rule: AlarmRule): AlarmValue {
  const { periods, needed, treatMissing, before } = rule;
  const known = marks.filter((mark) => mark !== undefined);
  const counted = known.slice(0, periods);
  const fill = periods - counted.length;
  const breaching = counted.filter(Boolean).length + (treatMissing === "breaching" ? fill : 0);
  if (breaching >= needed) return "ALARM";
  if (fill === 0 || treatMissing === "breaching" || treatMissing === "notBreaching") return "OK";
  if (counted.includes(false)) return "OK";
  if (treatMissing === "ignore") return before;
  // All that is known breaches: it rings when that began long enough ago, although there are too few values.
  const oldest = marks.lastIndexOf(true);
  if (oldest < 0) return "INSUFFICIENT_DATA";
  return oldest + 1 >= needed ? "ALARM" : before;
}
