import { describe, expect, it } from "vitest";

import { decryptFile } from "../../../shared/sops/decrypt-file.ts";
import { formatOfPath } from "../../../shared/sops/formats.ts";
import { rememberShares } from "../../../shared/sops/data-key.ts";
import { fuzz, type Seed } from "./fuzz.ts";
import { hasVectors, publishedKeys, vector } from "./vectors.ts";

/** `DRIFTLESS_FUZZ=1000000 npx vitest run test/shared/sops/fuzz.test.ts` */
const rounds = Number(process.env.DRIFTLESS_FUZZ ?? 1000);

const names = [
  "types.all.yaml",
  "multi.yaml",
  "secret.encrypted-comment.yaml",
  "doc.json",
  "app.env",
  "app.ini",
  "note.txt",
];

describe.skipIf(!hasVectors)("decryptFile", () => {
  it(`neither crashes, hangs nor tells of ${rounds} damaged files`, { timeout: 60_000 + rounds * 10 }, async () => {
    const { age } = await publishedKeys();
    const openers = rememberShares(age ? { age } : {});
    const seeds = await Promise.all(
      names.map(async (name): Promise<Seed> => {
        const where = `sops/generated/enc/${name}`;
        const format = formatOfPath(name);
        const bytes = vector(where);
        const { plain } = await decryptFile({ where, bytes }, { input: format }, openers);
        const words =
          Buffer.from(plain.reveal())
            .toString("utf8")
            .match(/[\w@#$-]{8,}/g) ?? [];
        const secrets = words.filter((word) => !bytes.includes(word) && !where.includes(word));
        return { where, format, bytes, secrets };
      }),
    );

    expect(await fuzz(seeds, rounds, openers)).toEqual([]);
  });
});
