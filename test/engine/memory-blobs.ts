/** A bucket in memory. */
import type { BlobStore } from "../../shared/runtime/blob-store.ts";

export interface MemoryBlobs extends BlobStore {
  readonly content: Map<string, Uint8Array>;
}

export function createMemoryBlobs(): MemoryBlobs {
  const content = new Map<string, Uint8Array>();
  const refuse = () => Promise.reject(new Error("unexpected call: no URLs in memory"));
  return {
    content,
    get: async (key) => content.get(key),
    put: async (key, bytes) => void content.set(key, bytes),
    exists: async (key) => content.has(key),
    delete: async (key) => void content.delete(key),
    list: async (prefix) => [...content.keys()].filter((key) => key.startsWith(prefix)),
    presignGet: refuse,
    presignPut: refuse,
  };
}
