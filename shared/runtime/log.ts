/** One structured line per start and per outcome. Fields must never hold a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export type Log = (event: string, fields?: LogFields) => void;

/** JSON lines, as CloudWatch Logs Insights reads them. */
export function createJsonLog(write: (line: string) => void, now: () => number, fixed: LogFields = {}): Log {
  return (event, fields = {}) =>
    write(JSON.stringify({ at: new Date(now()).toISOString(), event, ...fixed, ...fields }));
}

export const silentLog: Log = () => undefined;
