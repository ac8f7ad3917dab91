/** Looks at the alarms again and again, and tells of each that changes its state, as CloudWatch's actions would. */
import { type AlarmState, evaluateAlarms } from "./alarms.ts";
import type { MetricStore } from "./metrics.ts";
import type { AlarmValue } from "./missing-values.ts";
import type { Resource } from "./template.ts";

export interface AlarmChange {
  readonly name: string;
  readonly from: AlarmValue;
  readonly to: AlarmValue;
  readonly reason: string;
  /** Its suppressor rings: the change is in the history, and nobody is told. */
  readonly suppressed: boolean;
}

export interface AlarmWatch {
  /** All alarms as they are now, in milliseconds since the epoch; the changes since the last look come first. */
  look(now: number): { readonly changes: readonly AlarmChange[]; readonly states: readonly AlarmState[] };
}

/** Each alarm begins without data, as CloudWatch creates it. */
export function createAlarmWatch(alarms: readonly Resource[], metrics: MetricStore): AlarmWatch {
  const before = new Map<string, AlarmValue>();
  return {
    look(now) {
      const states = evaluateAlarms(alarms, metrics, now, before);
      const changes = states.flatMap(({ name, state, reason, suppressed = false }) => {
        const from = before.get(name) ?? "INSUFFICIENT_DATA";
        before.set(name, state);
        return from === state ? [] : [{ name, from, to: state, reason, suppressed }];
      });
      return { changes, states };
    },
  };
}
