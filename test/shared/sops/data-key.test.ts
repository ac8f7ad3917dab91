import { describe, expect, it } from "vitest";

import { openDataKey, rememberShares } from "../../../shared/sops/data-key.ts";
import { type KeyOpeners, KeyRefused } from "../../../shared/sops/keys/opener.ts";
import type { AgeRecipient, KmsRecipient, Recipient } from "../../../shared/sops/recipients.ts";
import { combineShares } from "../../../shared/sops/shamir.ts";

const key = Buffer.from("thirty-two bytes of data key....");
const age = (enc: string): AgeRecipient => ({ type: "age", recipient: `age1${enc}`, enc });
const kms = (enc: string): KmsRecipient => ({ type: "kms", arn: `arn:${enc}`, role: "", context: {}, enc });

/** Opens what says `good`, says no to the others, and notes what it was asked. */
function openers(asked: string[]): KeyOpeners {
  const open = async ({ enc }: Recipient): Promise<Uint8Array> => {
    asked.push(enc);
    if (enc.startsWith("good")) return key;
    throw new KeyRefused(`no, says ${enc}`, { retry: enc.startsWith("later") });
  };
  return { age: { open }, kms: { open } };
}

const metadata = (...groups: readonly (readonly Recipient[])[]) => ({ groups, threshold: 0 });

describe("openDataKey", () => {
  it("asks keys that need no network first, unlikely ones last, and stops at the first that opens", async () => {
    const asked: string[] = [];
    const recipients = [kms("foreign"), kms("good-kms"), age("bad")];

    await openDataKey(metadata(recipients), openers(asked), { isUnlikely: ({ enc }) => enc === "foreign" });

    expect(asked).toEqual(["bad", "good-kms"]);
  });

  it("says of every recipient why it did not open", async () => {
    const pgp: Recipient = { type: "pgp", fingerprint: "ABCD", enc: "secret text" };

    await expect(openDataKey(metadata([pgp, age("bad"), kms("bad")]), openers([]))).rejects.toMatchObject({
      code: "no-key",
      message:
        "no key opens the data key: age age1bad: no, says bad; pgp ABCD: no pgp key is at hand; kms arn:bad: no, says bad",
    });
  });

  it("tells a service that did not answer from a key that is not there", async () => {
    await expect(openDataKey(metadata([kms("later")]), openers([]))).rejects.toMatchObject({ code: "key-unavailable" });
  });

  it("counts the groups that opened", async () => {
    await expect(openDataKey(metadata([age("bad")], [age("bad")]), openers([]))).rejects.toThrow(
      "0 of 2 needed key groups opened",
    );
  });

  it("refuses a data key of another length", async () => {
    const short: KeyOpeners = { age: { open: async () => key.subarray(1) } };

    await expect(openDataKey(metadata([age("good")]), short)).rejects.toThrow("31 bytes");
  });
});

describe("rememberShares", () => {
  it("asks once for a share that opened, again for one that did not", async () => {
    const asked: string[] = [];
    const remembering = rememberShares(openers(asked));

    for (const enc of ["good", "good", "bad", "bad"])
      await openDataKey(metadata([kms(enc)]), remembering).catch(() => undefined);

    expect(asked).toEqual(["good", "bad", "bad"]);
  });
});

describe("combineShares", () => {
  /** f(x) = secret + slope·x over GF(2^8). */
  const share = (secret: Buffer, slope: number, x: number): Buffer =>
    Buffer.from([...secret.map((byte) => byte ^ multiply(slope, x)), x]);

  function multiply(a: number, b: number): number {
    let product = 0;
    for (let bit = 7; bit >= 0; bit -= 1) {
      product = (product << 1) ^ (product & 0x80 ? 0x11b : 0);
      if ((b >> bit) & 1) product ^= a;
    }
    return product;
  }

  it.each([
    [3, 200],
    [255, 1],
    [17, 254],
  ])("finds the secret from the shares %i and %i", (first, second) => {
    const shares = [share(key, 0x53, first), share(key, 0x53, second)];

    expect(Buffer.from(combineShares(shares))).toEqual(key);
  });

  it("takes more shares than it needs, and refuses one twice", () => {
    const shares = [1, 2, 3].map((x) => share(key, 0xca, x));

    expect(Buffer.from(combineShares(shares))).toEqual(key);
    expect(() => combineShares([shares[0]!, shares[0]!])).toThrow("the same");
    expect(() => combineShares([shares[0]!, shares[1]!.subarray(1)])).toThrow("differ in length");
  });
});
