/** Puts `examples/fleet` into the local Git server, the way a person would: commit and push. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export const repositoryName = "fleet-infra";

export interface Seeded {
  /** Name of the commit that `main` is at. */
  readonly commit: string;
  /** Milliseconds since the epoch at which the push returned, or now when nothing had to be pushed. */
  readonly pushedAt: number;
}

/** Pushes the example unless the repository has commits already. */
export async function seedFleet(example: string, url: string): Promise<Seeded> {
  const present = await headOf(url);
  if (present !== undefined) return { commit: present, pushedAt: Date.now() };
  const folder = mkdtempSync(join(tmpdir(), "driftless-fleet-"));
  try {
    cpSync(example, folder, { recursive: true });
    const git = (...args: readonly string[]) => run("git", [...identity, ...args], { cwd: folder, env: quiet() });
    await git("init", "--quiet", "--initial-branch", "main");
    await git("add", "--all");
    await git("commit", "--quiet", "--message", "Add the example fleet");
    await git("push", "--quiet", url, "main");
    const { stdout } = await git("rev-parse", "HEAD");
    return { commit: stdout.trim(), pushedAt: Date.now() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const identity = ["-c", "user.name=Driftless", "-c", "user.email=driftless@localhost", "-c", "commit.gpgsign=false"];

/** Without the person's own hooks, helpers and templates. */
const quiet = () => ({
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
});

async function headOf(url: string): Promise<string | undefined> {
  const { stdout } = await run("git", ["ls-remote", url, "refs/heads/main"], { env: quiet() });
  return stdout.trim() === "" ? undefined : stdout.split(/\s/, 1)[0];
}
