/** Durations as Go writes and reads them: the form of every interval and timeout in Flux's API and messages. */

const NANOS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Reads `1h30m`, `60s`, `1.5h`, `500ms` to milliseconds; sub-millisecond parts stay as a fraction.
 *
 * @throws TypeError when Go's time.ParseDuration would refuse the text.
 */
export function parseGoDuration(text: string): number {
  const [, sign = "", body = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (body === "0") return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) {
    throw new TypeError(`invalid duration ${JSON.stringify(text)}: want a form like 1h30m, 60s or 500ms`);
  }
  let nanos = 0;
  for (const [, value = "", unit = ""] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    nanos += Number(value) * (NANOS[unit] ?? 0);
  }
  return (sign === "-" ? -nanos : nanos) / 1e6;
}

/** Undefined when the text is no duration: for input that a schema has not seen. */
export function findGoDuration(text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return parseGoDuration(text);
  } catch {
    return undefined;
  }
}

/** Go's time.Duration.String(): `10m0s`, `1.5s`, `193.333441ms`, `0s`. */
export function formatGoDuration(milliseconds: number): string {
  const nanos = Math.round(Math.abs(milliseconds) * 1e6);
  if (nanos === 0) return "0s";
  const sign = milliseconds < 0 ? "-" : "";
  if (nanos < 1e3) return `${sign}${nanos}ns`;
  if (nanos < 1e6) return `${sign}${scaled(nanos, 1e3)}µs`;
  if (nanos < 1e9) return `${sign}${scaled(nanos, 1e6)}ms`;

  const wholeSeconds = Math.floor(nanos / 1e9);
  const hours = Math.floor(wholeSeconds / 3600);
  const minutes = Math.floor(wholeSeconds / 60) % 60;
  const seconds = scaled((wholeSeconds % 60) * 1e9 + (nanos % 1e9), 1e9);
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

/** `nanos / unit` as a decimal without trailing zeros; `unit` is a power of ten. */
function scaled(nanos: number, unit: number): string {
  const fraction = String(nanos % unit).padStart(Math.log10(unit), "0");
  return `${Math.floor(nanos / unit)}.${fraction}`.replace(/\.?0+$/, "");
}
