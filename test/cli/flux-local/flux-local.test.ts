/** The commands of flux-local's own tests, followed by what our `build kustomization` makes of the same repository. */
import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { isFluxKustomization } from "../../../cli/local-build/read-kustomization.ts";
import { isRecord } from "../../../shared/api/schema.ts";
import { parseKubeYaml } from "../../../shared/runtime/kube-yaml.ts";
import { renderTools, temporaryDirectory } from "../../shared/render/tools.ts";
import { type BuiltKustomization, buildCluster, fleet } from "./clusters.ts";
import { notTaken, roots } from "./commands.ts";
import {
  clusterReport,
  kustomizationTable,
  readArguments,
  releaseTable,
  type Shown,
  shownByThem,
  shownByUs,
} from "./reports.ts";

interface Case {
  readonly snapshotFile: string;
  readonly snapshot: string;
  readonly args: readonly string[];
}

const vectors = "../shared/vectors/flux-local";
const available = existsSync(vectors) && existsSync(fleet);
const cases = available
  ? (JSON.parse(readFileSync(`${vectors}/cases.json`, "utf8")) as { readonly cases: readonly Case[] }).cases
  : [];
const tools = available ? await renderTools(temporaryDirectory()) : undefined;

/** The text that upstream's program printed. */
function snapshotOf({ snapshotFile, snapshot }: Case): string {
  const text = readFileSync(`${vectors}/${snapshotFile}`, "utf8");
  const [, entry = ""] = text.split(`# name: ${snapshot}\n`);
  const [body = ""] = entry.split("\n# ---\n");
  return body
    .replace(/^ {2}'''\n/, "")
    .replace(/\n {2}'''$/, "")
    .replace(/^ {2}/gm, "");
}

const clusters = new Map<string, Promise<readonly BuiltKustomization[]>>();

/** Built once, for many commands ask of the same. */
function clusterAt(path: string): Promise<readonly BuiltKustomization[]> {
  const root = roots[path.replace(/^(\.\/)?tests\/testdata\//, "").replace(/\/$/, "")];
  if (!root || !tools) throw new Error(`nothing is said of the cluster in ${path}`);
  const known = clusters.get(root.file) ?? buildCluster(entryOf(root), root, tools);
  clusters.set(root.file, known);
  return known;
}

function entryOf({ file, name }: { readonly file: string; readonly name: string }) {
  const objects = parseKubeYaml(readFileSync(`${fleet}/${file}`, "utf8"));
  const entry = objects.find((object) => isFluxKustomization(object) && object.metadata.name === name);
  if (!entry) throw new Error(`${file} has no Kustomization ${name}`);
  return entry;
}

/** Rows by their first cells, behind the header. */
function tableOf(text: string): readonly (readonly string[])[] {
  const [header = "", ...lines] = text.trim().split("\n");
  return [header, ...lines.sort()].map((line) => line.trim().split(/ {2,}/));
}

/** The images of HelmReleases come from charts. */
const withoutChartImages = (report: unknown): unknown =>
  JSON.parse(
    JSON.stringify(report, (_, value: unknown) => {
      if (!isRecord(value) || !("chart" in value)) return value;
      const { images: __, ...rest } = value;
      return rest;
    }),
  );

describe.skipIf(!available)(`flux-local's commands (skipped without ${vectors})`, () => {
  const taken = cases.filter(({ snapshot }) => !(snapshot in notTaken));

  it("are all followed but those of the list", () => {
    expect(taken.length + Object.keys(notTaken).length).toBe(cases.length);
  });

  it.each(taken.map((entry) => [entry.args.join(" "), entry] as const))(
    "%s",
    { timeout: 120_000 },
    async (_, entry) => {
      const { command, name, ...options } = readArguments(entry.args);
      const built = await clusterAt(options.path);
      const expected = snapshotOf(entry);
      switch (command) {
        case "build ks":
        case "build ks-new":
        case "build all": {
          const ours = shownByUs(built, options, command !== "build ks-new");
          // A name is for `ks` alone: `ks-new` prints all that led to it.
          const isAsked = ({ owner }: Shown) => command !== "build ks" || name === undefined || owner === name;
          expect(ours.filter(isAsked)).toEqual(shownByThem(parseKubeYaml(expected)));
          return;
        }
        case "get ks":
        case "get ks-new":
          expect(kustomizationTable(built, options, command === "get ks-new")).toEqual(tableOf(expected));
          return;
        case "get hr":
        case "get hr-new":
          expect(releaseTable(built, name, options)).toEqual(tableOf(expected));
          return;
        case "get cluster":
          expect(clusterReport(built, options)).toEqual(
            options.structured ? withoutChartImages(parse(expected)) : tableOf(expected),
          );
          return;
        default:
          throw new Error(`nothing is said of the command ${command}`);
      }
    },
  );
});
