/**
 * Whether kustomize could take an answer for manifests: then a URL is a file, and else a repository. A page for people is
 * none. The build itself parses the text; this only decides between the two.
 */
export function looksLikeManifests(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  if (/^\s*</.test(text)) return false;
  const isEmpty = !/^[^\S\n]*[^\s#-]/m.test(text);
  return isEmpty || /^[\s{,-]*["']?kind["']?\s*:/m.test(text) || /["']kind["']\s*:/.test(text);
}
