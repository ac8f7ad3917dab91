/** Times as Go prints them in the local time zone: `2026-01-01 10:00:00 +0000 UTC`. */

/** The text itself when it is no time. */
export function printGoTime(rfc3339: string): string {
  const time = new Date(rfc3339);
  if (Number.isNaN(time.getTime())) return rfc3339;
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60_000).toISOString();
  const sign = offset < 0 ? "-" : "+";
  const two = (value: number) => String(value).padStart(2, "0");
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${zone} ${offset === 0 ? "UTC" : zoneName(time, zone)}`;
}

function zoneName(time: Date, fallback: string): string {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(time);
  const name = parts.find(({ type }) => type === "timeZoneName")?.value ?? fallback;
  return name.startsWith("GMT") ? fallback : name;
}
