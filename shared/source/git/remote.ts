/**
 * One conversation with a Git server: which refs it has, and a pack of one commit. Protocol version 2, without asking for
 * its capabilities first where the transport allows that; version 0 where the server knows nothing else.
 */
import { delim, flush, lineText, packets, pkt, serverError } from "./pkt-line.ts";
import { GitError, type GitTransport } from "./transport.ts";

export interface RemoteRef {
  readonly name: string;
  readonly oid: string;
  /** The commit that an annotated tag stands for. */
  readonly peeled?: string;
}

export interface FetchOptions {
  readonly wants: readonly string[];
  /** Only the wanted commits, not their history. */
  readonly shallow: boolean;
  /** Only commits and tags, where the server can leave out the rest. */
  readonly commitsOnly?: boolean;
}

export interface GitRemote {
  /** Refs whose full name begins with one of the prefixes; all of them for an empty list. @throws GitError */
  listRefs(prefixes: readonly string[]): Promise<readonly RemoteRef[]>;
  /** The bytes of a pack. @throws GitError `NotFound` when the server does not have, or not give, the object */
  fetchPack(options: FetchOptions): Promise<Uint8Array>;
}

type Server =
  | { readonly protocol: 2; readonly objectFormat?: string; readonly filter: boolean }
  | { readonly protocol: 0; readonly capabilities: readonly string[]; readonly refs: readonly RemoteRef[] };

/** Errors that another form of the same question may not have. */
const mayNotSpeakV2 = new Set(["Protocol", "RepositoryNotFound"]);
const agent = "driftless";
const nameless = "capabilities^{}";

export function openRemote(transport: GitTransport): GitRemote {
  let server: Server | undefined;
  const known = async (): Promise<Server> => (server ??= parseAdvertisement(await transport.advertise()));

  const listV2 = async (prefixes: readonly string[]) =>
    parseRefs(
      await transport.exchange(
        command("ls-refs", server, ["peel\n", ...prefixes.map((prefix) => `ref-prefix ${prefix}\n`)]),
        { protocol: 2, flushes: 1 },
      ),
    );

  return {
    async listRefs(prefixes) {
      if (transport.stateless && !server) {
        try {
          return await listV2(prefixes);
        } catch (error) {
          if (!(error instanceof GitError) || !mayNotSpeakV2.has(error.code)) throw error;
        }
      }
      const found = await known();
      if (found.protocol === 2) return listV2(prefixes);
      return found.refs.filter(
        ({ name }) => prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix)),
      );
    },

    async fetchPack(options) {
      if (!transport.stateless || options.commitsOnly === true) await known();
      if (server?.protocol === 0)
        return parsePackV0(
          await transport.exchange(wantV0(server, options), { protocol: 0, flushes: options.shallow ? 2 : 1 }),
        );
      const filter = options.commitsOnly === true && server?.filter === true;
      const request = command("fetch", server, [
        "ofs-delta\n",
        "no-progress\n",
        ...(options.shallow ? ["deepen 1\n"] : []),
        ...(filter ? ["filter tree:0\n"] : []),
        ...options.wants.map((oid) => `want ${oid}\n`),
        "done\n",
      ]);
      return parsePackV2(await transport.exchange(request, { protocol: 2, flushes: 1 }));
    },
  };
}

function command(name: string, server: Server | undefined, lines: readonly string[]): Uint8Array {
  const format = server?.protocol === 2 ? server.objectFormat : undefined;
  const head = [`command=${name}\n`, `agent=${agent}\n`, ...(format ? [`object-format=${format}\n`] : [])];
  return Buffer.from([...head.map(pkt), delim, ...lines.map(pkt), flush].join(""));
}

function parseAdvertisement(bytes: Uint8Array): Server {
  const lines = [...packets(bytes)].flatMap((packet) => (packet.kind === "line" ? [lineText(packet.bytes)] : []));
  if (lines[0] === "version 2") {
    const objectFormat = lines.find((line) => line.startsWith("object-format="))?.slice("object-format=".length);
    const fetch = lines.find((line) => line === "fetch" || line.startsWith("fetch=")) ?? "";
    return { protocol: 2, filter: fetch.split(/[= ]/).includes("filter"), ...(objectFormat ? { objectFormat } : {}) };
  }
  const [first = "", ...others] = lines[0]?.startsWith("version ") ? lines.slice(1) : lines;
  const [ref = "", capabilities = ""] = first.split("\0");
  return { protocol: 0, capabilities: capabilities.split(" "), refs: parseRefsV0([ref, ...others]) };
}

const refLine = /^([0-9a-f]{40}|[0-9a-f]{64}) (\S+)$/;

function parseRefsV0(lines: readonly string[]): readonly RemoteRef[] {
  const refs = new Map<string, RemoteRef>();
  for (const line of lines) {
    const [, oid, name] = refLine.exec(line) ?? [];
    if (!oid || !name || name === nameless) continue;
    const tag = name.endsWith("^{}") ? refs.get(name.slice(0, -3)) : undefined;
    if (tag) refs.set(tag.name, { ...tag, peeled: oid });
    else refs.set(name, { name, oid });
  }
  return [...refs.values()];
}

function parseRefs(bytes: Uint8Array): readonly RemoteRef[] {
  const refs: RemoteRef[] = [];
  let complete = false;
  for (const packet of packets(bytes)) {
    if (packet.kind !== "line") {
      complete = packet.kind === "flush";
      continue;
    }
    const [oid, name, ...attributes] = lineText(packet.bytes).split(" ");
    if (!oid || !name || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(oid))
      throw new GitError("Protocol", "the server's list of refs is malformed");
    const peeled = attributes.find((attribute) => attribute.startsWith("peeled:"))?.slice("peeled:".length);
    refs.push({ name, oid, ...(peeled ? { peeled } : {}) });
  }
  if (!complete) throw new GitError("Protocol", "the server's list of refs is incomplete");
  return refs;
}

function wantV0({ capabilities }: Server & { protocol: 0 }, { wants, shallow }: FetchOptions): Uint8Array {
  if (!capabilities.includes("side-band-64k"))
    throw new GitError("Protocol", "the server cannot do side-band-64k, which this engine needs");
  const use = ["side-band-64k", "ofs-delta", "no-progress"].filter((name) => capabilities.includes(name));
  if (shallow && !capabilities.includes("shallow"))
    throw new GitError("Protocol", "the server cannot do shallow fetches");
  const lines = wants.map((oid, index) => pkt(`want ${oid}${index === 0 ? ` ${use.join(" ")}` : ""}\n`));
  return Buffer.from([...lines, ...(shallow ? [pkt("deepen 1\n")] : []), flush, pkt("done\n")].join(""));
}

function parsePackV2(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let section = "";
  for (const packet of packets(bytes)) {
    if (packet.kind === "delim") section = "";
    else if (packet.kind !== "line") break;
    else if (section === "packfile") takeSideband(packet.bytes, parts);
    else if (section === "") section = lineText(packet.bytes);
  }
  return joined(parts);
}

function parsePackV0(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let acknowledged = false;
  for (const packet of packets(bytes)) {
    if (packet.kind !== "line") continue;
    if (acknowledged) takeSideband(packet.bytes, parts);
    else acknowledged = lineText(packet.bytes) === "NAK";
  }
  return joined(parts);
}

function takeSideband(bytes: Uint8Array, parts: Uint8Array[]): void {
  if (bytes[0] === 1) parts.push(bytes.subarray(1));
  else if (bytes[0] === 3) throw serverError(Buffer.from(bytes.subarray(1)).toString("utf8"));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0) throw new GitError("Protocol", "the server sent no pack");
  return Buffer.concat(parts);
}
