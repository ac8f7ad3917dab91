/**
 * Quantities (`1000m`, `0.5Gi`) as Go prints them. Server-side apply compares text: in another spelling than the server
 * keeps, a value that nobody changed takes its field away from whoever shares it.
 */
import { isLosslessNumber } from "lossless-json";

const decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const form = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;
/** Longer ones, and greater powers, no server takes; to compute them could take for ever. */
const maxCharacters = 64;
const maxPower = 64;
/** Nothing finer is kept; what is, is rounded up. */
const nano = 10n ** 9n;

/** @returns the value itself where it is no quantity, which is for the server to refuse */
export function canonicalQuantity(value: unknown): unknown {
  const text = typeof value === "number" || isLosslessNumber(value) ? String(value) : value;
  if (typeof text !== "string" || text.length > maxCharacters) return value;
  const [, sign = "", whole = "", fraction = "", power, suffix = ""] = form.exec(text.trim()) ?? [];
  if (whole === "" && fraction === "") return value;
  const digits = BigInt(`${whole}${fraction}`);
  const isBinary = suffix.endsWith("i");
  const exponent = power === undefined ? (decimalSuffixes.indexOf(suffix) - 3) * 3 : Number(power.slice(1));
  if (Math.abs(exponent) > maxPower) return value;
  const scaled = isBinary
    ? digits * nano * 1024n ** BigInt(binarySuffixes.indexOf(suffix))
    : digits * 10n ** BigInt(Math.max(exponent + 9, 0));
  const divisor = 10n ** BigInt(fraction.length + (isBinary ? 0 : Math.max(-(exponent + 9), 0)));
  const amount = (scaled + divisor - 1n) / divisor;
  if (amount === 0n) return "0";
  const minus = sign === "-" ? "-" : "";
  if (isBinary && amount % nano === 0n && amount >= 1024n * nano) return minus + printBinary(amount / nano);
  return minus + printDecimal(amount, power !== undefined);
}

function printBinary(amount: bigint): string {
  let [rest, step] = [amount, 0];
  for (; rest % 1024n === 0n && step < binarySuffixes.length - 1; step += 1) rest /= 1024n;
  return `${rest}${binarySuffixes[step] ?? ""}`;
}

/** @param amount in billionths */
function printDecimal(amount: bigint, asPower: boolean): string {
  let [rest, step] = [amount, 0];
  for (; rest % 1000n === 0n && step < decimalSuffixes.length - 1; step += 1) rest /= 1000n;
  const exponent = (step - 3) * 3;
  return `${rest}${asPower ? (exponent === 0 ? "" : `e${exponent}`) : (decimalSuffixes[step] ?? "")}`;
}
