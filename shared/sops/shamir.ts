/** Combines shares of a data key: Shamir's scheme over GF(2^8), byte by byte, the last byte of a share is its x. */
import { SopsError } from "./sops-error.ts";

/** x^8 + x^4 + x^3 + x + 1. */
const polynomial = 0x11b;

/** @throws SopsError (`no-key`) when the shares do not fit each other */
export function combineShares(shares: readonly Uint8Array[]): Uint8Array {
  const [first] = shares;
  if (!first || first.length < 2 || shares.some(({ length }) => length !== first.length))
    throw new SopsError("no-key", "the shares of the data key differ in length: they belong to different files");
  const xs = shares.map((share) => share.at(-1) ?? 0);
  if (new Set(xs).size !== xs.length)
    throw new SopsError("no-key", "two shares of the data key are the same: a key group is listed twice");
  const weights = xs.map((x, at) =>
    weightAt(
      x,
      xs.filter((_, other) => other !== at),
    ),
  );
  return Uint8Array.from({ length: first.length - 1 }, (_, index) =>
    shares.reduce((sum, share, at) => sum ^ multiply(share[index] ?? 0, weights[at] ?? 0), 0),
  );
}

/** Lagrange's basis polynomial of x at zero. */
function weightAt(x: number, others: readonly number[]): number {
  return others.reduce((product, other) => multiply(product, divide(other, other ^ x)), 1);
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0, factor = a; bit < 8; bit += 1) {
    // Without branches, so that the time does not tell of the key.
    product ^= factor & -((b >> bit) & 1);
    factor = (factor << 1) ^ (polynomial & -(factor >> 7));
  }
  return product;
}

/** The inverse of b is b^254. */
function divide(a: number, b: number): number {
  let inverse = 1;
  for (let power = 0, square = b; power < 7; power += 1) {
    square = multiply(square, square);
    inverse = multiply(inverse, square);
  }
  return multiply(a, inverse);
}
