/** Reads Flux's own CRDs out of the local Go module cache, where a developer may have them. Never downloads. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { parse } from "yaml";

const cache = process.env.GOMODCACHE ?? join(process.env.GOPATH ?? join(homedir(), "go"), "pkg", "mod");

/** Undefined when the module is not in the cache, neither unpacked nor as an archive. */
export async function realCrd(controller: string, version: string, file: string): Promise<unknown> {
  const path = `github.com/fluxcd/${controller}@${version}/config/crd/bases/${file}`;
  const archive = join(cache, "cache", "download", "github.com", "fluxcd", controller, "@v", `${version}.zip`);
  const text = (await readFile(join(cache, path), "utf8").catch(absent)) ?? (await unzip(archive, path).catch(absent));
  return text === undefined ? undefined : parse(text);
}

const absent = () => undefined;

async function unzip(archive: string, path: string): Promise<string> {
  const { stdout } = await promisify(execFile)("unzip", ["-p", archive, path], { maxBuffer: 16 << 20 });
  return stdout;
}
