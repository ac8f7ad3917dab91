/** A tree of files as a tar.gz that is the same, byte for byte, whenever the files are (Flux's artifact storage). */
import { createHash } from "node:crypto";
import { gzip } from "node:zlib";

import { pack } from "tar-stream";

export interface ArchiveEntry {
  /** Segments joined with slashes, relative, without `.` or `..`. */
  readonly path: string;
  readonly kind: "file" | "executable" | "directory";
  /** Absent for a directory. */
  readonly content?: Uint8Array;
}

export interface Archive {
  readonly bytes: Uint8Array;
  /** `sha256:<hex>` of the bytes. */
  readonly digest: string;
  readonly hex: string;
}

const modes = { file: 0o600, executable: 0o700, directory: 0o750 } as const;

/** Entries are written in the order given. */
export async function createArchive(entries: Iterable<ArchiveEntry>): Promise<Archive> {
  const tar = pack();
  const chunks: Buffer[] = [];
  tar.on("data", (chunk: unknown) => chunks.push(chunk as Buffer));
  const ended = new Promise<void>((resolve, reject) => {
    tar.on("end", resolve);
    tar.on("error", reject);
  });
  for (const { path, kind, content = new Uint8Array() } of entries) {
    const header = { name: path, mode: modes[kind], mtime: new Date(0), uid: 0, gid: 0, uname: "", gname: "" };
    if (kind === "directory") tar.entry({ ...header, type: "directory" });
    else tar.entry({ ...header, type: "file" }, asBuffer(content));
  }
  tar.finalize();
  await ended;
  const bytes = await compress(Buffer.concat(chunks));
  const hex = createHash("sha256").update(bytes).digest("hex");
  return { bytes, digest: `sha256:${hex}`, hex };
}

function compress(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(bytes, { level: 6 }, (error, compressed) => {
      if (error) reject(error);
      else resolve(compressed);
    });
  });
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
