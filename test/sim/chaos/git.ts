/** A Git server in memory that speaks the wire protocol (version 2): so the engine's own client runs against it. */
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";

import { type GitObject, objectName, type ObjectType } from "../../../shared/source/git/pack.ts";
import { flush, lineText, packets, pkt } from "../../../shared/source/git/pkt-line.ts";
import type { GitTransport } from "../../../shared/source/git/transport.ts";

export type Files = ReadonlyMap<string, string>;

export interface MemoryRepository {
  /** Makes a commit of exactly these files the head of `main`; gives its name. */
  commit(files: Files): string;
  readonly head: () => string;
  /** @throws RangeError for a commit that was never made */
  filesAt(commit: string): Files;
  transport(): GitTransport;
}

const branch = "refs/heads/main";
const typeNumbers: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };

export function createMemoryRepository(): MemoryRepository {
  const commits = new Map<string, { readonly files: Files; pack?: Buffer }>();
  let head = "";

  const commit = (files: Files): string => {
    const objects = new Map<string, GitObject>();
    const tree = writeTree(files, objects);
    const parent = head === "" ? "" : `parent ${head}\n`;
    const who = `Ada <ada@example.com> ${1_700_000_000 + commits.size} +0000`;
    const text = `tree ${tree}\n${parent}author ${who}\ncommitter ${who}\n\nchange ${commits.size}\n`;
    head = keep(objects, { type: "commit", content: Buffer.from(text) });
    commits.set(head, { files: new Map(files), pack: writePack([...objects.values()]) });
    return head;
  };
  const found = (oid: string) => {
    const known = commits.get(oid);
    if (!known) throw new RangeError(`no commit ${oid}`);
    return known;
  };
  return {
    commit,
    head: () => head,
    filesAt: (oid) => found(oid).files,
    transport: () => ({
      stateless: true,
      advertise: async () => Buffer.from([pkt("version 2\n"), pkt("fetch=shallow\n"), flush].join("")),
      exchange: async (request) => {
        const lines = [...packets(request)].flatMap((packet) =>
          packet.kind === "line" ? [lineText(packet.bytes)] : [],
        );
        if (lines[0] === "command=ls-refs") return Buffer.from(pkt(`${head} ${branch}\n`) + flush);
        const want = lines.find((line) => line.startsWith("want "))?.slice("want ".length) ?? "";
        return packAnswer(found(want).pack ?? Buffer.alloc(0));
      },
      close: async () => undefined,
    }),
  };
}

function packAnswer(pack: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from(pkt("packfile\n"))];
  for (let from = 0; from < pack.length; from += 60_000) {
    const chunk = pack.subarray(from, from + 60_000);
    parts.push(Buffer.from((chunk.length + 5).toString(16).padStart(4, "0")), Buffer.from([1]), chunk);
  }
  return Buffer.concat([...parts, Buffer.from(flush)]);
}

function keep(objects: Map<string, GitObject>, object: GitObject): string {
  const name = objectName(object, "sha1");
  objects.set(name, object);
  return name;
}

function writeTree(files: Files, objects: Map<string, GitObject>): string {
  const entries = new Map<string, string | Map<string, string>>();
  for (const [path, content] of files) {
    const slash = path.indexOf("/");
    if (slash < 0) {
      entries.set(path, content);
      continue;
    }
    const name = path.slice(0, slash);
    const inner = entries.get(name);
    const folder = inner instanceof Map ? inner : new Map<string, string>();
    folder.set(path.slice(slash + 1), content);
    entries.set(name, folder);
  }
  // Git sorts a folder as if its name ended in a slash.
  const sortName = ([name, entry]: [string, unknown]) => (entry instanceof Map ? `${name}/` : name);
  const sorted = [...entries].sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
  const parts: Buffer[] = sorted.flatMap<Buffer>(([name, entry]) => {
    const isFolder = entry instanceof Map;
    const oid = isFolder ? writeTree(entry, objects) : keep(objects, { type: "blob", content: Buffer.from(entry) });
    return [Buffer.from(`${isFolder ? "40000" : "100644"} ${name}\0`), Buffer.from(oid, "hex")];
  });
  return keep(objects, { type: "tree", content: Buffer.concat(parts) });
}

function writePack(objects: readonly GitObject[]): Buffer {
  const header = Buffer.from("PACK\0\0\0\u0002\0\0\0\0", "latin1");
  header.writeUInt32BE(objects.length, 8);
  const parts: Buffer[] = [header];
  for (const { type, content } of objects) {
    const head: number[] = [];
    let byte = (typeNumbers[type] << 4) | (content.length & 15);
    for (let rest = content.length >> 4; rest > 0; rest >>= 7) {
      head.push(byte | 128);
      byte = rest & 127;
    }
    parts.push(Buffer.from([...head, byte]), deflateSync(content, { level: 1 }));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}
