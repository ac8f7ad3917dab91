/** Floats as Go prints them, which differs by where they are printed. */

/** Digits without exponent and as few as tell the number from its neighbours: `strconv.FormatFloat(x, 'f', -1, 64)`. */
export function goFixed(value: number): string {
  if (!Number.isFinite(value)) return goInfinite(value);
  const { sign, digits, point } = decimal(value);
  if (point <= 0) return `${sign}0${digits === "0" ? "" : `.${"0".repeat(-point)}${digits}`}`;
  if (digits.length <= point) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** With an exponent below 1e-4 and from a million on: `strconv.FormatFloat(x, 'g', -1, 64)`. */
export function goGeneral(value: number): string {
  if (!Number.isFinite(value)) return goInfinite(value);
  const { sign, digits, point } = decimal(value);
  const exponent = point - 1;
  return value === 0 || (exponent >= -4 && exponent < 6) ? goFixed(value) : sign + scientific(digits, exponent);
}

/** As encoding/json prints it: an exponent below 1e-6 and from 1e21 on, whose zeros are dropped. */
export function goJson(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-6 && size < 1e21)) return goFixed(value);
  const { sign, digits, point } = decimal(value);
  return sign + scientific(digits, point - 1).replace(/e-0(\d)$/, "e-$1");
}

function scientific(digits: string, exponent: number): string {
  const mantissa = digits.length > 1 ? `${digits.slice(0, 1)}.${digits.slice(1)}` : digits;
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

const goInfinite = (value: number): string => (Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");

/** The shortest digits that read back as the value, and how many of them stand before the point. */
function decimal(value: number): { readonly sign: string; readonly digits: string; readonly point: number } {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [mantissa = "0", exponent = "0"] = Math.abs(value).toExponential().split("e");
  return { sign, digits: mantissa.replace(".", ""), point: value === 0 ? 1 : Number(exponent) + 1 };
}
