/** Where a text in double quotes ends, in time that grows with its length alone. */

/** The index behind the closing quote of the text that begins at `start`; -1 when it does not close. */
export function findQuoteEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1))
    if (backslashesBefore(text, at, start + 1) % 2 === 0) return at + 1;
  return -1;
}

function backslashesBefore(text: string, at: number, from: number): number {
  let first = at;
  while (first > from && text.charCodeAt(first - 1) === 0x5c) first -= 1;
  return at - first;
}
