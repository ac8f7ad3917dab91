/**
 * What a user is told beside Flux's own words: which cause was found, and what to do next. It stands behind a dash, so
 * that whoever compares, or matches the beginning of a message, finds what Flux would have said.
 */

/** @param advice undefined or empty: there is nothing to add */
export const advised = (message: string, advice: string | undefined): string =>
  advice ? `${message.trimEnd()} — ${advice}` : message;

/** A foreign message as part of another: one line of bounded length. */
export function excerpt(message: string, limit = 300): string {
  const line = message.trim().replace(/\s*\n\s*/g, "; ");
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}
