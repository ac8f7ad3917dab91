/** The account's concurrent executions: whoever gets none is throttled. */
export interface Slots {
  /** False when all are in use. */
  take(): boolean;
  free(): void;
  /** How often somebody got none. */
  readonly throttled: () => number;
}

export function createSlots(count: number): Slots {
  let used = 0;
  let throttled = 0;
  return {
    take: () => {
      if (used >= count) {
        throttled++;
        return false;
      }
      used++;
      return true;
    },
    free: () => {
      used--;
    },
    throttled: () => throttled,
  };
}
