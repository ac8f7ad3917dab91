/** Finds the data key of a file: any key of a group opens its share, and shares of several groups are combined. */
import { type DataKey, dataKeyOf } from "./cipher.ts";
import { KeyRefused, type KeyOpener, type KeyOpeners } from "./keys/opener.ts";
import type { Metadata } from "./metadata.ts";
import { type KeyGroup, nameOfRecipient, type Recipient, type RecipientType } from "./recipients.ts";
import { combineShares } from "./shamir.ts";
import { SopsError } from "./sops-error.ts";

/** First what needs no network. Among equals, the order of the file. */
const order: readonly RecipientType[] = ["age", "pgp"];

export interface DataKeyOptions {
  /** Recipients that are tried after all others, e.g. KMS keys that the cluster's role may not use. */
  readonly isUnlikely?: (recipient: Recipient) => boolean;
}

/**
 * @throws SopsError `no-key` with the recipients of the file and why each did not open, or `key-unavailable` when
 * a service that could have opened one did not answer
 */
export async function openDataKey(
  metadata: Pick<Metadata, "groups" | "threshold">,
  openers: KeyOpeners,
  options: DataKeyOptions = {},
): Promise<DataKey> {
  const { groups, threshold } = metadata;
  const needed = groups.length === 1 ? 1 : threshold === 0 ? groups.length : threshold;
  const shares: Uint8Array[] = [];
  const refusals: Refusal[] = [];
  for (const group of groups) {
    const opened = await openGroup(group, openers, options);
    if (opened instanceof Uint8Array) shares.push(opened);
    else refusals.push(...opened);
    if (shares.length === needed) break;
  }
  if (shares.length < needed) throw refused(refusals, { groups: groups.length, needed, opened: shares.length });
  const [only] = shares;
  return dataKeyOf(groups.length === 1 && only ? only : combineShares(shares));
}

interface Refusal {
  readonly recipient: Recipient;
  readonly why: string;
  readonly retry: boolean;
}

async function openGroup(
  group: KeyGroup,
  openers: KeyOpeners,
  { isUnlikely = () => false }: DataKeyOptions,
): Promise<Uint8Array | readonly Refusal[]> {
  const refusals: Refusal[] = [];
  for (const recipient of inOrder(group, isUnlikely)) {
    const opened = await tryRecipient(recipient, openers);
    if (opened instanceof Uint8Array) return opened;
    refusals.push(opened);
  }
  return refusals;
}

function inOrder(group: KeyGroup, isUnlikely: (recipient: Recipient) => boolean): readonly Recipient[] {
  const rank = (recipient: Recipient): number => {
    const place = order.indexOf(recipient.type);
    return (place < 0 ? order.length : place) + (isUnlikely(recipient) ? order.length + 1 : 0);
  };
  return group.toSorted((a, b) => rank(a) - rank(b));
}

async function tryRecipient(recipient: Recipient, openers: KeyOpeners): Promise<Uint8Array | Refusal> {
  const opener = openers[recipient.type] as KeyOpener | undefined;
  if (!opener) return { recipient, why: `no ${recipient.type} key is at hand`, retry: false };
  try {
    return await opener.open(recipient);
  } catch (error) {
    if (!(error instanceof KeyRefused)) throw error;
    return { recipient, why: error.message, retry: error.retry };
  }
}

interface Count {
  readonly groups: number;
  readonly needed: number;
  readonly opened: number;
}

function refused(refusals: readonly Refusal[], { groups, needed, opened }: Count): SopsError {
  const list = refusals.map(({ recipient, why }) => `${nameOfRecipient(recipient)}: ${why}`).join("; ");
  const of = groups === 1 ? "" : ` (${opened} of ${needed} needed key groups opened)`;
  const code = refusals.some(({ retry }) => retry) ? "key-unavailable" : "no-key";
  return new SopsError(code, `no key opens the data key${of}: ${list}`);
}

/** Asks each share once; the answers live as long as the openers do, in memory only. */
export function rememberShares(openers: KeyOpeners): KeyOpeners {
  const known = new Map<string, Promise<Uint8Array>>();
  const remember = (opener: KeyOpener): KeyOpener => ({
    open: (recipient) => {
      const id = `${nameOfRecipient(recipient)} ${JSON.stringify(recipient)}`;
      const share = known.get(id) ?? opener.open(recipient);
      known.set(id, share);
      // A refusal may have been a fault of the moment.
      share.catch(() => known.delete(id));
      return share;
    },
  });
  const entries = Object.entries(openers as Readonly<Record<string, KeyOpener>>);
  return Object.fromEntries(entries.map(([type, opener]) => [type, remember(opener)]));
}
