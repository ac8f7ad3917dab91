/** The two requests that the render function makes, by the URLs that it was given. No message ever holds a URL. */

export type FetchedArtifact =
  { readonly kind: "fetched"; readonly bytes: Uint8Array } | { readonly kind: "refused"; readonly message: string };

const TIMEOUT_MS = 60_000;

/**
 * The artifact, or why it cannot be had however often one asks.
 *
 * @throws Error when the store does not answer: the invocation fails and is tried again
 */
export async function getArtifact(url: string, limitBytes: number): Promise<FetchedArtifact> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "error" });
  if (response.status === 404)
    return { kind: "refused", message: "Source is not ready, artifact not found, retrying in 30s" };
  if (!response.ok) throw new Error(`reading the artifact failed: HTTP status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limitBytes) return { kind: "refused", message: `artifact is larger than ${limitBytes} bytes` };
    chunks.push(chunk);
  }
  return { kind: "fetched", bytes: Buffer.concat(chunks) };
}

/** @throws Error when the store does not take it */
export async function putOutput(url: string, bytes: Uint8Array): Promise<void> {
  const body = new Uint8Array(bytes);
  const response = await fetch(url, {
    method: "PUT",
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: "error",
  });
  if (!response.ok) throw new Error(`handing over the output failed: HTTP status ${response.status}`);
}
