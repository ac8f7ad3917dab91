/**
 * Synthesizes the app as the local runner does, from dummy bundles, and reads ARNs in templates as people write them. What
 * was synthesized once is kept by the digest of all that goes in, for several test files look at the same templates.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { functionNames } from "../../infra/permissions.ts";

export const run = promisify(execFile);

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
}
export type Resources = Readonly<Record<string, Resource>>;

export const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), "driftless-infra-"));

/** No credentials, and nothing of the machine's that the app could depend on. */
export const environment = { PATH: process.env.PATH, HOME: tmpdir(), CDK_DISABLE_CLI_TELEMETRY: "true" };

/** A folder with a `handler.mjs` for each function; always the same one, for its path goes into the context. */
export function dummyBundles(): string {
  const directory = join(tmpdir(), "driftless-infra-bundles");
  for (const name of functionNames) {
    mkdirSync(join(directory, name), { recursive: true });
    const path = join(directory, name, "handler.mjs");
    if (!existsSync(path)) writeFileSync(path, `export const handler = async () => "${name}";\n`);
  }
  return directory;
}

export type Context = Readonly<Record<string, string>>;

export const exampleFleet: Context = { fleet: "fleet.example.json" };

/** The example with the audit log of its first cluster; always at the same path, which goes into the context. */
export function auditedFleet(): Context {
  const fleet = join(tmpdir(), "driftless-infra-audited-fleet.json");
  const example = JSON.parse(readFileSync("fleet.example.json", "utf8")) as { readonly clusters: readonly object[] };
  const [first, ...others] = example.clusters;
  writeFileSync(fleet, JSON.stringify({ ...example, clusters: [{ ...first, auditLogs: true }, ...others] }));
  return { fleet };
}

export type Templates = Readonly<Record<string, Template>>;
export interface Template {
  readonly Resources: Resources;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

/** The app's templates by the name of their stack. */
export async function synthesize(context: Context = exampleFleet): Promise<Templates> {
  await run(process.execPath, ["build.mjs", "--quiet", "--only", "infra"]);
  const fromFile = JSON.parse(readFileSync("cdk.json", "utf8")) as { readonly context: object };
  const all = JSON.stringify({ ...fromFile.context, bundles: dummyBundles(), ...context });
  const digest = createHash("sha256").update(readFileSync("dist/infra/app.mjs")).update(all);
  if (context.fleet !== undefined) digest.update(readFileSync(context.fleet));
  const kept = join(tmpdir(), `driftless-infra-${digest.digest("hex").slice(0, 16)}.json`);
  if (!existsSync(kept)) {
    const outdir = temporaryDirectory();
    await run(process.execPath, ["dist/infra/app.mjs"], {
      env: { ...environment, CDK_CONTEXT_JSON: all, CDK_OUTDIR: outdir, CDK_VALIDATION: "false" },
    });
    writeFileSync(join(outdir, "templates"), JSON.stringify(templatesIn(outdir)));
    renameSync(join(outdir, "templates"), kept);
    rmSync(outdir, { recursive: true });
  }
  return JSON.parse(readFileSync(kept, "utf8")) as Templates;
}

export const templatesIn = (directory: string): Templates =>
  Object.fromEntries(
    readdirSync(directory)
      .filter((name) => name.endsWith(".template.json"))
      .sort()
      .map((name) => [
        name.replace(".template.json", ""),
        JSON.parse(readFileSync(join(directory, name), "utf8")) as Template,
      ]),
  );

export function stack(templates: Templates, name: string): Template {
  const found = templates[name];
  if (!found) throw new Error(`no stack ${name}`);
  return found;
}

export function resourcesOf(template: Template, type?: string): Resources {
  const all = Object.entries(template.Resources);
  return Object.fromEntries(all.filter(([, resource]) => type === undefined || resource.Type === type));
}

/** A value of a template as text: `<Id.Attribute>` for references, pseudo parameters by their last word. */
export function print(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const {
    Ref,
    "Fn::GetAtt": attribute,
    "Fn::Join": join,
  } = value as {
    readonly Ref?: string;
    readonly "Fn::GetAtt"?: readonly string[];
    readonly "Fn::Join"?: readonly [string, readonly unknown[]];
  };
  if (Ref !== undefined) return `<${Ref.replace("AWS::", "")}>`;
  if (attribute) return `<${attribute.join(".")}>`;
  if (join) return join[1].map(print).join(join[0]);
  return JSON.stringify(value);
}

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** The statements of a role's inline policies. */
export function statementsOf(role: Resource): Statement[] {
  const policies = (role.Properties.Policies ?? []) as { PolicyDocument: { Statement: Statement[] } }[];
  return policies.flatMap((policy) => policy.PolicyDocument.Statement);
}
