/** Makes text with URLs in it safe to show. */

/** Git's own question at a smart HTTP server, which says nothing secret. */
const harmlessQuery = "?service=git-upload-pack";

/**
 * The text with user, password and query of every URL in it left out: nothing that could be a credential remains. What a
 * URL means is not asked, for a password that is not escaped makes it mean something else: all up to the last `@` before
 * the next white space goes, be it more than the credential.
 */
export function redactUrls(text: string): string {
  return text.replace(/\S+/g, redactWord);
}

function redactWord(word: string): string {
  const [start] = /https?:\/*|:\/\//i.exec(word) ?? [];
  if (start === undefined) return word;
  const from = word.indexOf(start) + start.length;
  const rest = word.slice(Math.max(from, word.lastIndexOf("@") + 1));
  return word.slice(0, from) + rest.replace(/\?[^'"]*/g, (query) => (query === harmlessQuery ? query : ""));
}
