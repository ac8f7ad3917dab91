/** Times as Go reads and prints them. */

const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** Whether `time.Parse(time.RFC3339, text)` succeeds. */
export function isGoTime(text: string): boolean {
  const [, year, month, day, hour, minute, second, , zone] = form.exec(text) ?? [];
  if (zone === undefined) return false;
  return isDate(Number(year), Number(month), Number(day)) && isClock(Number(hour), Number(minute), Number(second));
}

/** The same moment and zone without a fraction, as `Format(time.RFC3339)` prints it. */
export const toRfc3339 = (text: string): string => text.replace(/[.,]\d+/, "").replace(/[+-]00:00$/, "Z");

export function isDate(year: number, month: number, day: number): boolean {
  const days = new Date(Date.UTC(2000, month, 0)).getUTCDate();
  const leap = month === 2 && (year % 4 !== 0 || (year % 100 === 0 && year % 400 !== 0));
  return month >= 1 && month <= 12 && day >= 1 && day <= (leap ? 28 : days);
}

export const isClock = (hour: number, minute: number, second: number): boolean =>
  hour < 24 && minute < 60 && second < 60;
