/** Loads a synthesized cloud assembly (`cdk.out`) and resolves every reference to names and addresses of this machine. */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

import { type Scope, absent, resolve } from "./intrinsics.ts";
import { type Json, isRecord, optionalRecord, optionalText, parseJson, record, text } from "./json.ts";
import { type Place, identify, isIgnoredType } from "./resource-types.ts";

/** A resource of the template with all references resolved. */
export interface Resource {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  readonly name: string;
  readonly arn: string;
  readonly ref: string;
  readonly account: string;
  readonly properties: Json;
  readonly metadata: Json;
}

/** A file or directory that the template names by its object key in the assets bucket. */
export interface Asset {
  /** Absolute. */
  readonly path: string;
  /** A directory is what the zip would hold; a file is uploaded as it is. */
  readonly packaging: "zip" | "file";
}

export interface Deployment {
  readonly resources: readonly Resource[];
  readonly assets: ReadonlyMap<string, Asset>;
  /** Per stack, by output name. */
  readonly outputs: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  ofType(...types: readonly string[]): readonly Resource[];
}

interface Stack {
  readonly name: string;
  readonly template: Json;
  readonly place: Place;
}

/** @throws Error naming the resource type, reference or function that cannot be resolved here. */
export function loadDeployment(assembly: string, place: Place): Deployment {
  const stacks = readStacks(assembly, place);
  const world = createWorld(stacks);
  const resources = stacks.flatMap((stack) => world.resources(stack.name));
  return {
    resources,
    assets: readAssets(assembly),
    outputs: new Map(stacks.map((stack) => [stack.name, world.outputs(stack.name)])),
    ofType: (...types) => resources.filter((resource) => types.includes(resource.type)),
  };
}

/** The account and region of the assembly's first stack that fixes them; so that local ARNs are those of the deployment. */
export function assemblyEnvironment(
  assembly: string,
): { readonly account: string; readonly region: string } | undefined {
  const manifest = readManifest(assembly);
  const environments = [...manifest.values()].map((entry) => entry.environment);
  return environments.find((environment) => environment.account !== undefined && environment.region !== undefined) as
    { account: string; region: string } | undefined;
}

interface ManifestEntry {
  readonly stackName: string | undefined;
  readonly environment: { readonly account: string | undefined; readonly region: string | undefined };
}

/** By template file; empty when the directory holds bare templates only. */
function readManifest(assembly: string): ReadonlyMap<string, ManifestEntry> {
  if (!readdirSync(assembly).includes("manifest.json")) return new Map();
  const manifest = parseJson(readFileSync(path.join(assembly, "manifest.json"), "utf8"), "manifest.json");
  const entries = Object.entries(optionalRecord(manifest.artifacts, "artifacts of manifest.json"));
  return new Map(
    entries.flatMap(([id, value]) => {
      const artifact = record(value, `artifact ${id}`);
      if (artifact.type !== "aws:cloudformation:stack") return [];
      const properties = optionalRecord(artifact.properties, `artifact ${id}`);
      const [, account, region] = /^aws:\/\/([^/]+)\/(.+)$/.exec(optionalText(artifact.environment, id) ?? "") ?? [];
      const known = (value_: string | undefined) => (value_?.startsWith("unknown-") === true ? undefined : value_);
      return [
        [
          text(properties.templateFile, `template of ${id}`),
          {
            stackName: optionalText(properties.stackName, id) ?? id,
            environment: { account: known(account), region: known(region) },
          },
        ],
      ];
    }),
  );
}

function readStacks(assembly: string, place: Place): readonly Stack[] {
  const manifest = readManifest(assembly);
  return readdirSync(assembly)
    .filter((file) => file.endsWith(".template.json"))
    .sort()
    .map((file) => {
      const entry = manifest.get(file);
      const { account, region } = entry?.environment ?? {};
      return {
        name: entry?.stackName ?? file.slice(0, -".template.json".length),
        template: parseJson(readFileSync(path.join(assembly, file), "utf8"), file),
        place: { ...place, account: account ?? place.account, region: region ?? place.region },
      };
    });
}

function readAssets(assembly: string): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(assembly).filter((file) => file.endsWith(".assets.json"))) {
    const files = optionalRecord(parseJson(readFileSync(path.join(assembly, name), "utf8"), name).files, name);
    for (const file of Object.values(files).map((value) => record(value, name))) {
      const source = optionalRecord(file.source, name);
      if (typeof source.path !== "string") continue;
      const asset: Asset = {
        path: path.resolve(assembly, source.path),
        packaging: source.packaging === "zip" ? "zip" : "file",
      };
      for (const destination of Object.values(optionalRecord(file.destinations, name))) {
        assets.set(text(record(destination, name).objectKey, name), asset);
      }
    }
  }
  return assets;
}

interface World {
  resources(stack: string): readonly Resource[];
  outputs(stack: string): Readonly<Record<string, unknown>>;
}

/** References are resolved when they are met, so that the order of stacks and resources does not matter. */
function createWorld(stacks: readonly Stack[]): World {
  const byName = new Map(stacks.map((stack) => [stack.name, stack]));
  const known = new Map<string, Resource>();
  const pending = new Set<string>();

  const resource = (stack: Stack, logicalId: string): Resource => {
    const id = `${stack.name}/${logicalId}`;
    const cached = known.get(id);
    if (cached !== undefined) return cached;
    const body = section(stack, "Resources")[logicalId];
    if (body === undefined) throw new Error(`stack ${stack.name} refers to ${logicalId}, which it does not have`);
    if (pending.has(id)) throw new Error(`resource ${id} refers to itself`);
    pending.add(id);
    const declared = record(body, id);
    const type = text(declared.Type, `type of ${id}`);
    const properties = record(resolve(optionalRecord(declared.Properties, id), scopes(stack)), id);
    const { name, arn, ref, attributes } = identify(type, stack.name, logicalId, properties, stack.place);
    const made: Resource & { readonly attributes: Readonly<Record<string, string>> } = {
      ...{ stack: stack.name, logicalId, type, name, arn, ref, account: stack.place.account, properties, attributes },
      metadata: optionalRecord(declared.Metadata, id),
    };
    pending.delete(id);
    known.set(id, made);
    attributesOf.set(id, attributes);
    return made;
  };
  const attributesOf = new Map<string, Readonly<Record<string, string>>>();

  const outputValue = (stack: Stack, name: string): unknown => {
    const output = section(stack, "Outputs")[name];
    if (output === undefined) throw new Error(`stack ${stack.name} has no output ${name}`);
    return resolve(record(output, `output ${name}`).Value, scopes(stack));
  };

  const scopes = (stack: Stack): Scope => ({
    stack: stack.name,
    ref: (logicalId) =>
      pseudoParameter(stack, logicalId) ?? parameter(stack, logicalId) ?? resource(stack, logicalId).ref,
    attribute: (logicalId, attribute) => {
      resource(stack, logicalId);
      const value = attributesOf.get(`${stack.name}/${logicalId}`)?.[attribute];
      if (value === undefined) {
        throw new Error(`attribute ${attribute} of ${logicalId} in stack ${stack.name} is not known on this machine`);
      }
      return value;
    },
    importValue: (exportName) => findExport(stacks, exportName, scopes, outputValue),
    stackOutput: (stackName, outputName) => {
      const other = byName.get(stackName);
      if (other === undefined)
        throw new Error(`stack ${stack.name} refers to the output of ${stackName}, which is not in the assembly`);
      return outputValue(other, outputName);
    },
    condition: (name) => resolve(section(stack, "Conditions")[name], scopes(stack)) === true,
    mapping: (map, first, second) => {
      const value = record(section(stack, "Mappings")[map], `mapping ${map}`);
      return record(value[first], `mapping ${map}.${first}`)[second];
    },
  });

  return {
    resources: (name) => {
      const stack = byName.get(name);
      if (stack === undefined) return [];
      return Object.entries(section(stack, "Resources"))
        .map(([logicalId, body]) => ({ logicalId, body: record(body, logicalId) }))
        .filter(({ body }) => !isIgnoredType(text(body.Type, "Type")))
        .filter(({ body }) => typeof body.Condition !== "string" || scopes(stack).condition(body.Condition))
        .map(({ logicalId }) => resource(stack, logicalId));
    },
    outputs: (name) => {
      const stack = byName.get(name);
      if (stack === undefined) return {};
      return Object.fromEntries(Object.keys(section(stack, "Outputs")).map((key) => [key, outputValue(stack, key)]));
    },
  };
}

const section = (stack: Stack, name: string): Json => optionalRecord(stack.template[name], `${name} of ${stack.name}`);

function pseudoParameter(stack: Stack, name: string): unknown {
  const { account, region } = stack.place;
  const values: Json = {
    "AWS::AccountId": account,
    "AWS::Region": region,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": stack.name,
    "AWS::StackId": `arn:aws:cloudformation:${region}:${account}:stack/${stack.name}/local`,
    "AWS::NoValue": absent,
    "AWS::NotificationARNs": [],
  };
  return values[name];
}

function parameter(stack: Stack, name: string): unknown {
  const declared = section(stack, "Parameters")[name];
  if (!isRecord(declared)) return undefined;
  if (declared.Default === undefined) throw new Error(`parameter ${name} of stack ${stack.name} has no default`);
  return declared.Default;
}

function findExport(
  stacks: readonly Stack[],
  exportName: string,
  scopes: (stack: Stack) => Scope,
  outputValue: (stack: Stack, name: string) => unknown,
): unknown {
  for (const stack of stacks) {
    for (const [name, output] of Object.entries(section(stack, "Outputs"))) {
      const declared = record(output, name).Export;
      if (isRecord(declared) && resolve(declared.Name, scopes(stack)) === exportName) return outputValue(stack, name);
    }
  }
  throw new Error(`no stack of the assembly exports ${exportName}`);
}
