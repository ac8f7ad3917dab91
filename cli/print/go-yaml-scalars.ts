/** Which texts go-yaml takes for something else than text, and its way to write a number. */

const words = new Set(
  ["y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF"]
    .concat(["~ null Null NULL .nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF"])
    .flatMap((list) => list.split(" ")),
);

const integer = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9]\d*|0)$/;
const float = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const base60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const timestamp =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?(?:Z|[-+]\d\d:\d\d))|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?))?$/;

/** False for a text that without quotes would be read as null, boolean, number or time. */
export function isPlainText(text: string): boolean {
  if (text === "" || words.has(text) || base60.test(text)) return false;
  if (text.startsWith(".")) return !float.test(text);
  if (!/^[-+\d]/.test(text)) return true;
  const digits = text.replaceAll("_", "");
  return !isInteger(digits) && !float.test(digits) && !isTimestamp(text);
}

/** Beyond 64 bits a decimal number is a float, any other one a text. */
function isInteger(digits: string): boolean {
  if (!integer.test(digits)) return false;
  const isNegative = digits.startsWith("-");
  const unsigned = digits.replace(/^[-+]/, "").toLowerCase();
  const value = BigInt(/^0\d/.test(unsigned) ? `0o${unsigned.slice(1)}` : unsigned);
  return isNegative ? value <= 2n ** 63n : value < (digits.startsWith("+") ? 2n ** 63n : 2n ** 64n);
}

function isTimestamp(text: string): boolean {
  const parts = timestamp.exec(text)?.slice(1);
  if (!parts) return false;
  const [year, month, day, ...times] = parts.map(Number);
  const [hour, minute, second] = times.filter((part) => !Number.isNaN(part));
  const days = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  const isDate = (month ?? 0) >= 1 && (month ?? 0) <= 12 && (day ?? 0) >= 1 && (day ?? 0) <= days;
  return isDate && (hour ?? 0) < 24 && (minute ?? 0) < 60 && (second ?? 0) < 60;
}

/** Whole numbers in digits; others as Go's `%g`, which has an exponent from a million on. */
export function printFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  if (Number(power) >= -4 && Number(power) < 21 && exponent < 21 && Number(power) < 6) return String(value);
  const digits = power.replace(/^[-+]/, "").padStart(2, "0");
  return `${mantissa}e${power.startsWith("-") ? "-" : "+"}${digits}`;
}
