/**
 * Builds everything that runs into `dist/`: one self-contained directory per function, the CLI, the CDK app, the local
 * runner and the tools of the test suite. What does not exist is skipped. `--only NAME` (repeatable) selects.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));

/** CommonJS code inside a bundle (undici, ssh2 and others) expects these three names. */
const banner = [
  'import{createRequire as __createRequire}from"node:module";',
  'import{fileURLToPath as __toPath}from"node:url";',
  "const require=__createRequire(import.meta.url),__filename=__toPath(import.meta.url),",
  '__dirname=__toPath(new URL(".",import.meta.url)).replace(/[\\\\/]$/,"");',
].join("");

/** Runs in a clone, where the packages are: only our own code is bundled. */
const inClone = { packages: "external", minify: false, banner: false };
/** Runs where nothing is installed. */
const selfContained = { packages: "bundle", minify: true, banner: true };

/** @returns {{name: string, group: string, entry: string, outdir: string, outname: string, mode: object}[]} */
function targets() {
  const first = (...paths) => paths.find((path) => existsSync(join(root, path)));
  const functions = existsSync(join(root, "functions")) ? readdirSync(join(root, "functions")).sort() : [];
  const found = [
    ...functions.map((name) => ({
      name,
      group: "functions",
      entry: first(`functions/${name}/handler.ts`),
      outdir: `dist/functions/${name}`,
      outname: "handler",
      mode: selfContained,
    })),
    {
      name: "cli",
      group: "cli",
      entry: first("cli/main.ts"),
      outdir: "dist/cli",
      outname: "main",
      mode: selfContained,
    },
    {
      name: "infra",
      group: "infra",
      entry: first("infra/app.ts"),
      outdir: "dist/infra",
      outname: "app",
      mode: inClone,
    },
    {
      name: "local",
      group: "local",
      entry: first("local/main.ts"),
      outdir: "dist/local",
      outname: "main",
      mode: inClone,
    },
    ...[
      { name: "chaos", entry: first("test/sim/chaos.ts", "test/sim/chaos/main.ts") },
      { name: "bench", entry: first("test/bench/main.ts", "test/bench/bench.ts", "test/bench.ts") },
      { name: "compat", entry: first("test/compat/main.ts") },
    ].map(({ name, entry }) => ({ name, group: "tools", entry, outdir: "dist/tools", outname: name, mode: inClone })),
  ];
  return found.filter((target) => target.entry !== undefined);
}

async function buildTarget({ entry, outdir, outname, mode }) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [{ in: entry, out: outname }],
    outdir,
    outExtension: { ".js": ".mjs" },
    chunkNames: `${outname}-chunks/[name]-[hash]`,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    mainFields: ["module", "main"],
    packages: mode.packages,
    external: ["*.node", "cpu-features"],
    minify: mode.minify,
    banner: mode.banner ? { js: banner } : {},
    legalComments: "external",
    logLevel: "warning",
    write: false,
  });
  return result.outputFiles
    .filter((file) => file.contents.length > 0)
    .map((file) => ({ path: relative(join(root, outdir), file.path), contents: file.contents }));
}

/** Unchanged files are left alone, so that digests and times of an unchanged bundle do not move; stale chunks go. */
function writeOutput(outdir, outname, files) {
  const kept = new Set(files.map((file) => join(root, outdir, file.path)));
  const old = existsSync(join(root, outdir))
    ? readdirSync(join(root, outdir), { recursive: true, withFileTypes: true })
    : [];
  for (const found of old) {
    const path = join(found.parentPath ?? found.path, found.name);
    const ours = relative(join(root, outdir), path).startsWith(outname) && !/\.\d+$/.test(path);
    if (found.isFile() && ours && !kept.has(path)) rmSync(path, { force: true });
  }
  for (const file of files) {
    const path = join(root, outdir, file.path);
    if (existsSync(path) && readFileSync(path).equals(file.contents)) continue;
    mkdirSync(dirname(path), { recursive: true });
    // Somebody may be reading the old one: a file is replaced as a whole.
    writeFileSync(`${path}.${process.pid}`, file.contents);
    renameSync(`${path}.${process.pid}`, path);
  }
}

function describeOutput(outdir, outname, files) {
  const kilobytes = (chosen) => Math.ceil(chosen.reduce((sum, file) => sum + file.contents.length, 0) / 1000);
  const code = files.filter((file) => file.path.endsWith(".mjs"));
  const first = code.filter((file) => file.path === `${outname}.mjs`);
  const chunks = code.length - first.length;
  return `${`${outdir}/${outname}.mjs`.padEnd(40)} ${String(kilobytes(first)).padStart(6)} kB + ${chunks} chunks ${String(kilobytes(code) - kilobytes(first)).padStart(6)} kB`;
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: "string", multiple: true }, quiet: { type: "boolean" } } });
  const all = targets();
  const chosen = values.only
    ? all.filter(({ name, group }) => values.only.some((only) => only === name || only === group))
    : all;
  if (values.only && chosen.length === 0) {
    throw new Error(
      `nothing to build for --only ${values.only.join(" ")}; there is: ${all.map(({ name }) => name).join(", ")}`,
    );
  }
  for (const target of chosen) {
    const files = await buildTarget(target);
    writeOutput(target.outdir, target.outname, files);
    if (!values.quiet) console.log(describeOutput(target.outdir, target.outname, files));
  }
}

try {
  await main();
} catch (error) {
  // esbuild has already printed what it found in the sources.
  if (!error.errors) console.error(error.message);
  process.exitCode = 1;
}
