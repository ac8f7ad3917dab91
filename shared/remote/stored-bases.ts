/** What was fetched from remote places, in the bucket: archives by digest, and notes that find them again. */
import { createHash } from "node:crypto";

import type { BlobStore } from "../runtime/blob-store.ts";
import type { Archive } from "../source/archive.ts";

export interface StoredBase {
  readonly digest: string;
  readonly blobKey: string;
}

export interface StoredFile extends StoredBase {
  readonly etag: string;
}

export interface StoredBases {
  /** Undefined also where the archive itself is gone. */
  findFile(url: string): Promise<StoredFile | undefined>;
  noteFile(url: string, file: StoredFile): Promise<void>;
  findCommit(clone: string, commit: string): Promise<StoredBase | undefined>;
  noteCommit(clone: string, commit: string, base: StoredBase): Promise<void>;
  /** Whether the URL, which could be a file's, turned out to be a repository's. */
  isRepository(url: string): Promise<boolean>;
  noteRepository(url: string): Promise<void>;
  /** The archive's key. */
  put(archive: Archive): Promise<string>;
}

interface Note extends Partial<StoredFile> {
  readonly v: 1;
}

export function createStoredBases(blobs: Pick<BlobStore, "get" | "put" | "exists">): StoredBases {
  const read = async (...subject: readonly string[]): Promise<Note | undefined> => {
    const bytes = await blobs.get(noteKey(subject));
    return bytes && parseNote(bytes);
  };
  const write = (note: Omit<Note, "v">, ...subject: readonly string[]) =>
    blobs.put(noteKey(subject), Buffer.from(JSON.stringify({ v: 1, ...note })), "application/json");
  const present = async ({ digest, blobKey }: Note): Promise<StoredBase | undefined> =>
    digest !== undefined && blobKey !== undefined && (await blobs.exists(blobKey)) ? { digest, blobKey } : undefined;

  return {
    async findFile(url) {
      const note = await read("file", url);
      const base = note && (await present(note));
      return base && note.etag !== undefined ? { ...base, etag: note.etag } : undefined;
    },
    noteFile: (url, file) => write(file, "file", url),
    async findCommit(clone, commit) {
      const note = await read("commit", clone, commit);
      return note && (await present(note));
    },
    noteCommit: (clone, commit, base) => write(base, "commit", clone, commit),
    isRepository: async (url) => (await read("repository", url)) !== undefined,
    noteRepository: (url) => write({}, "repository", url),
    async put({ bytes, hex }) {
      const key = `bases/${hex}.tar.gz`;
      await blobs.put(key, bytes, "application/gzip");
      return key;
    },
  };
}

/** Undefined for anything but a note of a version that we read: it is made anew. */
function parseNote(bytes: Uint8Array): Note | undefined {
  try {
    const note = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Note>;
    return note.v === 1 ? (note as Note) : undefined;
  } catch {
    return undefined;
  }
}

/** A URL may hold a credential, a hash of it does not. */
const noteKey = (subject: readonly string[]): string =>
  `bases/${createHash("sha256").update(JSON.stringify(subject)).digest("hex")}.json`;
