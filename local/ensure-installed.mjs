// Installs the locked dependencies when they are missing. Plain JavaScript without dependencies: it runs before them.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Says what this machine lacks, in one sentence each; empty when nothing. */
export function missing(platform = `${process.platform}-${process.arch}`, version = process.versions.node) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const lacks = [];
  if (major < 20 || (major === 20 && minor < 19)) lacks.push(`Node 20.19 or newer is needed, this is ${version}`);
  if (!runs("git", ["--version"])) lacks.push("git is needed on PATH");
  if (platform === "linux-x64") return lacks;
  if (!runs("kubectl", ["version", "--client"])) lacks.push(`on ${platform} kubectl 1.36 or newer is needed on PATH`);
  if (!runs("helm", ["version"])) lacks.push(`on ${platform} helm 4 is needed on PATH`);
  return lacks;
}

const runs = (command, args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** `npm ci` unless the lock file is the one that was installed last. @returns whether anything was installed */
export function ensureInstalled({ dev }) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".driftless-installed");
  const wanted = [lock, ...(dev ? ["dev"] : [])].join(" ");
  const present = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";
  if (present.startsWith(wanted)) return false;
  // Installed by hand: the lock file that npm keeps beside the packages tells.
  if (present === "" && existsSync(join(root, "node_modules", dev ? "vitest" : "aws-cdk-lib"))) return false;
  process.stderr.write(`installing the locked dependencies${dev ? "" : " (once)"} …\n`);
  const flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", ...(dev ? [] : ["--omit=dev"])];
  const result = spawnSync("npm", flags, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (result.status !== 0) throw new Error("npm ci failed: see the lines above; is the npm registry reachable?");
  writeFileSync(stamp, wanted);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lacks = missing();
  if (lacks.length > 0) {
    process.stderr.write(`${lacks.join("\n")}\n`);
    process.exit(1);
  }
  ensureInstalled({ dev: process.argv.includes("--dev") });
}
