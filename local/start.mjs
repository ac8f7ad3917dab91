// The entry of `npm start`: says what the machine lacks, installs and builds what is missing, then runs the local engine.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { ensureInstalled, missing, root } from "./ensure-installed.mjs";

const lacks = missing();
if (lacks.length > 0) {
  process.stderr.write(`${lacks.join("\n")}\n`);
  process.exit(1);
}
const begun = Date.now();
if (ensureInstalled({ dev: false })) report("dependencies installed", begun);

const built = Date.now();
if (isStale(join(root, "dist", "local", "main.mjs"))) {
  const { status } = spawnSync(process.execPath, [join(root, "build.mjs"), "--quiet"], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  report("functions built", built);
}

const child = spawn(process.execPath, [join(root, "dist", "local", "main.mjs"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));

function report(what, since) {
  process.stderr.write(`✔ ${what} ${((Date.now() - since) / 1000).toFixed(1)} s\n`);
}

/** Whether any source is newer than the bundle. */
function isStale(bundle) {
  if (!existsSync(bundle)) return true;
  const time = statSync(bundle).mtimeMs;
  return ["shared", "functions", "infra", "local", "cli"].some((folder) => newest(join(root, folder)) > time);
}

function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return time;
}
