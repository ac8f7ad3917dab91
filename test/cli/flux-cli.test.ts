/** Which of the commands in the tests of Flux's CLI are followed, and where; those left over are followed or listed here. */
import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { events } from "../../cli/commands/events.ts";
import { withGoFlags } from "../../cli/go-flags.ts";
import { createProgram } from "../../cli/program.ts";
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { parseKubeYaml } from "../../shared/runtime/kube-yaml.ts";
import { aWorld, programPorts } from "./world.ts";

interface Case {
  readonly name: string;
  readonly command?: string;
  readonly golden?: string;
  readonly error?: string;
}

const vectors = "../shared/vectors/flux-cli";
const available = existsSync(vectors);
const casesIn = (folder: string) =>
  (JSON.parse(readFileSync(`${folder}/cases.json`, "utf8")) as { readonly cases: readonly Case[] }).cases;
const cases = available ? casesIn(vectors) : [];

/** Copied, with what they read: test/cli/flux-goldens.test.ts runs them, and by hand those whose output tells times. */
const copied = new Set(casesIn("test/vectors/flux-cli").map(({ name }) => name));
const byHand = /^(tree_kustomization \d+|trace (deployment|helmrelease|helmrelease-oci|deployment-hr-oci))$/;

/** Commands that Driftless does not have, by how they begin, with the reason. */
const notOurs: Readonly<Record<string, string>> = {
  "check ": "asks for Flux' controllers in the cluster, of which Driftless needs none",
  "install ": "installs those controllers",
  "create ": "writes a manifest for the repository, which Flux' CLI does with Driftless as well",
  "debug helmrelease ": "not yet: charts are not rendered",
  envsubst: "a filter of its own; the substitution is followed in test/shared/substitute",
  "--version": "names Flux' version",
  "get --help": "the help of Flux' program",
};

/** Cases that are not followed although the command is ours. */
const notTaken: Readonly<Record<string, string>> = {
  "logs_e2e 171": "looks for the pods of Flux' controllers; our functions have a log each",
};
const inMemory = "--in-memory-build"; // The build is the same; build_kustomization 3 shows that the flag is taken.

const isFollowedElsewhere = ({ name, command = "" }: Case): boolean =>
  copied.has(name) ||
  byHand.test(name) ||
  name.startsWith("logs filter ") || // test/cli/logs.test.ts
  (command.startsWith("get ") && !command.includes("--help")) || // test/cli/get.test.ts
  command.includes(inMemory);

const isListed = ({ name, command = "" }: Case): boolean =>
  name in notTaken || Object.keys(notOurs).some((start) => command.startsWith(start));

async function run(command: string): Promise<unknown> {
  const program = createProgram(programPorts(aWorld([])), {});
  program.configureOutput({ writeErr: () => undefined });
  for (const child of program.commands) child.configureOutput({ writeErr: () => undefined });
  return program.parseAsync(withGoFlags(program, command.split(" ")), { from: "user" }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.skipIf(!available)(
  `commands of Flux's CLI that are followed nowhere else (skipped without ${vectors})`,
  () => {
    const left = cases.filter((entry) => !isFollowedElsewhere(entry) && !isListed(entry));

    it.each(left.map((entry) => [entry.command ?? "", entry] as const))("%s", async (command, { error }) => {
      const outcome = await run(command);

      // Arguments are refused where Flux refuses them, in words of our own that say what is wanted.
      if (error === undefined) expect(outcome).toBeUndefined();
      else expect(outcome).toBeInstanceOf(Error);
    });

    it("are those of logs and trace", () => {
      expect(new Set(left.map(({ command = "" }) => command.split(" ")[0]))).toEqual(new Set(["logs", "trace"]));
    });
  },
);

interface EventCase {
  readonly name: string;
  readonly selector: string;
  readonly namespace: string;
}

const eventVectors = (
  available ? JSON.parse(readFileSync(`${vectors}/events.json`, "utf8")) : { refs: [], rows: [] }
) as {
  readonly refs: readonly (EventCase & { readonly expected: readonly string[]; readonly error: boolean })[];
  readonly rows: readonly (EventCase & { readonly expected: readonly (readonly string[])[] })[];
};

/** The objects of the cases, each with an event that tells good news and one that tells bad. */
function withEvents(): readonly KubeObject[] {
  const objects = parseKubeYaml(readFileSync(`${vectors}/testdata/events/objects.yaml`, "utf8"));
  const missing = { apiVersion: "image.toolkit.fluxcd.io/v1", kind: "ImageRepository" };
  const all = [...objects, { ...missing, metadata: { name: "acr-podinfo", namespace: "flux-system" } }];
  const told = all
    .filter(({ kind }) => kind !== "Namespace")
    .flatMap(({ kind, metadata: { name, namespace = "" } }) =>
      ["error", "info"].map((type): KubeObject => ({
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: `${kind}-${name}-${type}`.toLowerCase(), namespace },
        involvedObject: { kind, name, namespace },
        type,
        reason: `${type === "info" ? "Info" : "Error"} Reason`,
        message: `${type === "info" ? "Info" : "Error"} Message`,
      })),
    );
  // As the API server lists them.
  const key = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
  return [...objects, ...told.sort((a, b) => (key(a) < key(b) ? -1 : 1))];
}

async function rowsOf({ selector, namespace }: EventCase): Promise<readonly (readonly string[])[]> {
  const world = aWorld(withEvents());
  const place = namespace === "" ? { namespace: "flux-system", allNamespaces: true } : { namespace };
  await events(world.ports, { ...place, ...(selector === "" ? {} : { for: selector }) });
  const [, ...lines] = world.stdout().split("\n").filter(Boolean);
  const rows = lines.map((line) => line.replace(/\t$/, "").split("\t"));
  return rows
    .map((cells) => cells.map((cell) => cell.trim()))
    .filter((cells) => !cells.includes("ImageRepository/acr-podinfo"));
}

describe.skipIf(!available)("events, as Flux's CLI finds them", () => {
  it.each(eventVectors.rows)("$name: $selector in '$namespace'", async (entry) => {
    expect(await rowsOf(entry)).toEqual(entry.expected);
  });

  it.each(eventVectors.refs)("$name: of what $selector refers to", async ({ expected, error, ...entry }) => {
    if (error) {
      await expect(rowsOf(entry)).rejects.toThrow("is not a recognized Flux kind");
      return;
    }
    const world = aWorld(withEvents());
    await events(world.ports, { namespace: entry.namespace, for: entry.selector });
    const others = expected.map((reference) => reference.replace(/\.[^.]*$/, ""));
    const told = world
      .stdout()
      .split("\n")
      .flatMap((line) => /\S+\/\S+/.exec(line) ?? [])
      .map((object) => object.toLowerCase());

    expect(new Set(told)).toEqual(new Set([entry.selector, ...others].map((object) => object.toLowerCase())));
  });
});
