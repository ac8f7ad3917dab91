/** Decrypted bytes on their way through the engine: they refuse to be printed, logged or serialized by accident. */
import { inspect } from "node:util";

const mask = "[decrypted]";

/** A class, for only a private field keeps a value out of every printer. */
export class PlainBytes {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The one way out; who calls it answers for where the bytes go. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}
