/** Synthesizes the CDK app exactly as the CLI would, and keeps the result for as long as nothing it is made of changes. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface SynthOptions {
  /** The checkout. */
  readonly root: string;
  readonly fleetFile: string;
  readonly outDir: string;
}

/** @returns whether it was made now. @throws Error with what the app said */
export async function synthesize({ root, fleetFile, outDir }: SynthOptions): Promise<boolean> {
  const digest = digestOf([
    join(root, "cdk.json"),
    fleetFile,
    ...filesBelow(join(root, "dist", "infra")),
    ...filesBelow(join(root, "dist", "functions")),
  ]);
  const stamp = join(outDir, ".digest");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return false;
  rmSync(outDir, { recursive: true, force: true });
  const { context } = JSON.parse(readFileSync(join(root, "cdk.json"), "utf8")) as { context: Record<string, unknown> };
  await runApp(root, {
    CDK_OUTDIR: outDir,
    CDK_CONTEXT_JSON: JSON.stringify({ ...context, fleet: fleetFile }),
    // The checks run in CI and in `cdk synth`; here they would cost more than the whole start.
    CDK_VALIDATION: "false",
  });
  writeFileSync(stamp, digest);
  return true;
}

function runApp(root: string, environment: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "dist", "infra", "app.mjs")], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`synth of the CDK app failed:\n${said}`))));
  });
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]));
}

function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file));
  return hash.digest("hex");
}
