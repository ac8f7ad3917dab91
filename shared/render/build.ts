/** Runs `kubectl kustomize` on a guarded tree: with nothing in its environment, within limits of time, memory, output. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { RenderError, type RenderLimits } from "./protocol.ts";
import type { TreePath } from "./tree-path.ts";

/** Address space of the child in KiB. A build of 500 patched objects needs less than this; a bomb needs more. */
const ADDRESS_SPACE_KIB = 1_500_000;
const GO_MEMORY_LIMIT = "1200MiB";
const CPU_SECONDS = 60;
const MAX_ERROR_BYTES = 64 * 1024;
/** A condition's message may have 32 KiB, and an event's 1 KiB: the cause stands at the beginning. */
const MAX_MESSAGE_CHARS = 8 * 1024;

/** Nothing listens there: what escapes the guard still reaches no network but loopback, which Go never proxies. */
const DEAD_PROXY = "http://127.0.0.1:1";

export interface BuildOptions {
  /** Absolute path of the kubectl binary. */
  readonly kubectl: string;
  /** Directory that holds the artifact and nothing else. */
  readonly root: string;
  /** Empty directory for HOME and TMPDIR. */
  readonly home: string;
  readonly limits: RenderLimits;
}

/**
 * The multi-document YAML of one build.
 *
 * @throws RenderError BuildFailed with kustomize's own words, paths made relative to the artifact's root
 */
export async function buildKustomization(directory: TreePath, options: BuildOptions): Promise<Buffer> {
  const { code, signal, stdout, stderr, stopped } = await runKustomize(directory, options);
  if (code === 0 && stopped === undefined) return stdout;
  if (stopped !== undefined) throw new RenderError("BuildFailed", `kustomize build failed: ${stopped}`);
  // The shell's own codes: no build ever ran.
  if (code === 126 || code === 127)
    throw new Error(`${options.kubectl} cannot be run: ${stderr.toString("utf8").trim()}`);
  const words = cleanMessage(stderr.toString("utf8"), options.root);
  const ended = signal ? `killed by ${signal}` : `exit code ${code ?? "unknown"}`;
  throw new RenderError("BuildFailed", `kustomize build failed: ${words || ended}`);
}

interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Why we ended it. */
  readonly stopped: string | undefined;
}

function runKustomize(directory: TreePath, { kubectl, root, home, limits }: BuildOptions): Promise<RunResult> {
  const child = spawnLimited(kubectl, ["kustomize", `./${directory}`, "--load-restrictor", "LoadRestrictionsNone"], {
    cwd: root,
    home,
  });
  return new Promise((resolve, reject) => {
    let stopped: string | undefined;
    const stop = (why: string): void => {
      stopped ??= why;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => stop(`it took longer than ${limits.buildMillis / 1000} s`), limits.buildMillis);
    const stdout = collect(child, "stdout", limits.outputBytes, () =>
      stop(`its output is larger than ${limits.outputBytes} bytes`),
    );
    const stderr = collect(child, "stderr", MAX_ERROR_BYTES, () => undefined);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), stopped });
    });
  });
}

/** Through a shell, for Node cannot set limits of a child; `exec` makes the child's id kubectl's. */
function spawnLimited(
  kubectl: string,
  args: readonly string[],
  { cwd, home }: { readonly cwd: string; readonly home: string },
): ChildProcess {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  // Only Linux limits address space; a laptop with another system goes without.
  const memory = process.platform === "linux" ? `ulimit -v ${ADDRESS_SPACE_KIB} && ` : "";
  return spawn("/bin/sh", ["-c", `${memory}ulimit -t ${CPU_SECONDS} && exec "$0" "$@"`, kubectl, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: "/nonexistent",
      HOME: home,
      TMPDIR: home,
      KUBECONFIG: join(home, "none"),
      HTTP_PROXY: DEAD_PROXY,
      HTTPS_PROXY: DEAD_PROXY,
      GOMEMLIMIT: GO_MEMORY_LIMIT,
    },
  });
}

function collect(child: ChildProcess, name: "stdout" | "stderr", limit: number, onExcess: () => void): Buffer[] {
  const chunks: Buffer[] = [];
  let size = 0;
  child[name]?.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else onExcess();
  });
  return chunks;
}

/** Kustomize's error without kubectl's prefix, deprecation warnings, Go's stack traces and our directory. */
export function cleanMessage(stderr: string, root: string): string {
  const lines = stderr.split("\n").filter((line) => !/^# Warning:|^Warning:|^\d{4}\/\d\d\/\d\d .*Warning/.test(line));
  const outOfMemory = lines.find((line) =>
    /^(?:fatal error: |runtime: )?.*(?:out of memory|cannot allocate memory)/.test(line),
  );
  if (outOfMemory !== undefined) return "it needs more memory than a build may have";
  const text = lines
    .join("\n")
    .replace(/^error: /, "")
    .replace(/^panic: ([^\n]*)[^]*$/m, "recovered from kustomize build panic: $1")
    .trim();
  return text.replaceAll(`${root}/`, "").replaceAll(root, ".").slice(0, MAX_MESSAGE_CHARS);
}
