/** Damages encrypted files in a repeatable way and watches the reader: it may refuse, never crash, hang or tell. */
import { decryptFile } from "../../../shared/sops/decrypt-file.ts";
import type { Format } from "../../../shared/sops/formats.ts";
import type { KeyOpeners } from "../../../shared/sops/keys/opener.ts";
import { SopsError } from "../../../shared/sops/sops-error.ts";

export interface Seed {
  readonly where: string;
  readonly format: Format;
  readonly bytes: Buffer;
  /** Plain values that no message may hold. */
  readonly secrets: readonly string[];
}

export interface Finding {
  readonly seed: string;
  readonly round: number;
  readonly what: string;
}

const slowMillis = 5000;

/** A small generator of Marsaglia's: the same rounds on every machine. */
function createRandom(state: number): (below: number) => number {
  let x = state || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const pieces = [
  "\n",
  "  ",
  "- ",
  ": ",
  "&a ",
  "*a ",
  "{",
  "[",
  "'",
  '"',
  "|",
  "#",
  "\t",
  "\u0000",
  "\u2028",
  "ENC[",
  "sops:",
  "---\n",
  "=",
  "\\",
];

function damage(bytes: Buffer, random: (below: number) => number): Buffer {
  let damaged = bytes;
  for (let times = 1 + random(3); times > 0; times -= 1) {
    const at = random(damaged.length + 1);
    const end = Math.min(damaged.length, at + random(40));
    const cut = damaged.subarray(at, end);
    const middle = [
      () => Buffer.from(pieces[random(pieces.length)] ?? ""),
      () => Buffer.alloc(0),
      () => Buffer.concat([cut, cut]),
      () => Buffer.concat([Buffer.from([random(256)]), cut.subarray(1)]),
      () => Buffer.concat([Buffer.from(pieces[random(pieces.length)] ?? ""), cut]),
    ][random(5)];
    damaged = Buffer.concat([damaged.subarray(0, at), middle?.() ?? cut, damaged.subarray(end)]);
  }
  return damaged;
}

/** Whatever is not a plain success or a refusal without secrets. */
export async function fuzz(seeds: readonly Seed[], rounds: number, openers: KeyOpeners): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const seed = seeds[round % seeds.length];
    if (!seed) break;
    const bytes = damage(seed.bytes, createRandom(0x9e3779b9 ^ (round * 2654435761)));
    const started = performance.now();
    const what = await tryOnce(seed, bytes, openers);
    const took = performance.now() - started;
    if (what !== undefined) findings.push({ seed: seed.where, round, what });
    if (took > slowMillis) findings.push({ seed: seed.where, round, what: `took ${took} ms` });
  }
  return findings;
}

async function tryOnce(
  { where, format, secrets }: Seed,
  bytes: Buffer,
  openers: KeyOpeners,
): Promise<string | undefined> {
  try {
    await decryptFile({ where, bytes }, { input: format }, openers, { verifyMac: true });
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? `${error.message} ${error.stack ?? ""}` : String(error);
    if (!(error instanceof SopsError)) return `crashed: ${text}`;
    return secrets.some((secret) => text.includes(secret)) ? `told a secret: ${text}` : undefined;
  }
}
