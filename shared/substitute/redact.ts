/** Keeps values of Secrets out of messages. */

/**
 * The message with `*****` for every occurrence of one of the values; longer values go first, so that none survives for
 * a part of it. Flux's own masking also hides what lies between the characters where a value has only one.
 *
 * @param secretValues `Variables.secretValues`
 */
export const redact = (message: string, secretValues: readonly string[]): string =>
  [...new Set(secretValues)]
    .filter((value) => value !== "")
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
    .reduce((text, value) => text.replaceAll(value, "*****"), message);
