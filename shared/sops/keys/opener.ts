/** What opens a share of a data key: one opener per kind of master key. */
import type { Recipient, RecipientType } from "../recipients.ts";

export type RecipientOf<T extends RecipientType> = Extract<Recipient, { readonly type: T }>;

/** Why a recipient's share was not opened; `retry` when the same request may succeed later. Holds no secret. */
export class KeyRefused extends Error {
  override readonly name = "KeyRefused";
  readonly retry: boolean;

  constructor(message: string, options: { readonly retry?: boolean } = {}) {
    super(message);
    this.retry = options.retry ?? false;
  }
}

export interface KeyOpener<T extends RecipientType = RecipientType> {
  /** @throws KeyRefused */
  open(recipient: RecipientOf<T>): Promise<Uint8Array>;
}

/** A missing opener means that no such key is at hand. */
export type KeyOpeners = { readonly [T in RecipientType]?: KeyOpener<T> };
