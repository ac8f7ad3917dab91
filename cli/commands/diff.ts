/** `diff kustomization`: what the cluster would change if a local directory were applied, told by a server-side dry-run. */
import { type KubeObject, refOf, subject, subjectOf } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { formatId, refOfId } from "../../shared/inventory/id.ts";
import { type Cluster, KubeError } from "../../shared/kubernetes/cluster.ts";
import { applyManager } from "../../shared/ssa/apply.ts";
import { hasDrifted } from "../../shared/ssa/drift.ts";
import { type IgnoredFields, parseIgnoreRules } from "../../shared/ssa/ignore.ts";
import { without } from "../../shared/ssa/json-pointer.ts";
import { normalize } from "../../shared/ssa/normalize.ts";
import { compareRefs } from "../../shared/ssa/order.ts";
import { isImmutableError } from "../../shared/ssa/recreate.ts";
import { isCreatedOnly, isForced, isIgnored } from "../../shared/ssa/toggles.ts";
import {
  buildKustomization,
  type BuildSettings,
  type BuildTarget,
  childrenOf,
  targetOfChild,
} from "../local-build/build-kustomization.ts";
import { type LocalKustomization, isFluxKustomization } from "../local-build/read-kustomization.ts";
import { CommandError, type CliPorts } from "../ports.ts";
import { compareNodes } from "../print/dyff/compare.ts";
import { printReport } from "../print/dyff/report.ts";
import { explained, type LocalOptions, requireTarget } from "./build.ts";
import { maskSecret } from "./mask-secret.ts";

const defaultColumns = 80;

/** A settings object whose cluster is there: a diff without one makes no sense. */
export interface DiffSettings extends BuildSettings {
  readonly cluster: Cluster;
  readonly columns: number | undefined;
}

export interface DiffOptions extends LocalOptions {
  /** With a file: the cluster need not have the Kustomization yet. */
  readonly ignoreNotFound: boolean;
}

interface Outcome {
  readonly text: string;
  readonly isChanged: boolean;
  readonly problems: readonly string[];
}

const change = { exitCode: 1, severity: "warning" } as const;
const failure = { exitCode: 2 } as const;

/** @throws CommandError with exit code 1 when something would change, 2 when that cannot be told */
export async function diffCommand(
  { out }: Pick<CliPorts, "out">,
  options: DiffOptions,
  settings: DiffSettings,
): Promise<void> {
  const outcome = await withFailureCode(async () => {
    const target = requireTarget(options, settings, options.path);
    if (options.ignoreNotFound && options.kustomizationFile === undefined)
      throw new CommandError("kustomization file is required when assuming new kustomizations");
    return explained(() => diff({ ...target, mayBeAbsent: options.ignoreNotFound }, options.recursive, settings));
  });
  out(outcome.text);
  if (outcome.problems.length > 0) throw new CommandError(aggregate(outcome.problems), failure);
  if (outcome.isChanged)
    throw new CommandError("identified at least one change, exiting with non-zero exit code", change);
}

async function withFailureCode<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CommandError || error instanceof KubeError) throw new CommandError(error.message, failure);
    throw error;
  }
}

function aggregate(problems: readonly string[]): string {
  const different = [...new Set(problems)];
  return different.length === 1 ? (different[0] ?? "") : `[${different.join(", ")}]`;
}

async function diff(target: BuildTarget, recursive: boolean, settings: DiffSettings): Promise<Outcome> {
  const { kustomization, objects: built } = await buildKustomization(target, settings);
  const ignored = parseIgnoreRules(kustomization.spec.ignore ?? []);
  const objects = normalize(built);
  const parts: string[] = [];
  const problems: string[] = [];
  const kept = new Set<string>();
  let isChanged = false;
  for (const object of objects) {
    const found = await diffObject(object, ignored, settings);
    if (found.kind === "refused") {
      problems.push(found.message);
      continue;
    }
    kept.add(formatId(refOf(object)));
    parts.push(found.text);
    isChanged ||= found.kind === "created" || found.kind === "drifted";
    if (!recursive || found.kind === "created" || !isFluxKustomization(object)) continue;
    const below = await diffChildren(kustomization, object, settings);
    parts.push(below.text);
    problems.push(...below.problems);
    isChanged ||= below.isChanged;
  }
  if (problems.length > 0) return { text: parts.join(""), isChanged, problems };
  const deleted = deletedBy(kustomization, kept);
  return { text: [...parts, ...deleted].join(""), isChanged: isChanged || deleted.length > 0, problems };
}

async function diffChildren(parent: LocalKustomization, object: KubeObject, settings: DiffSettings): Promise<Outcome> {
  const [child] = childrenOf(parent, [object]);
  if (!child) return { text: "", isChanged: false, problems: [] };
  if (child.spec.kubeConfig) {
    const text = `⚠️ ${subject(object)} skipped: diff not supported for remote clusters\n`;
    return { text, isChanged: false, problems: [] };
  }
  try {
    const { text, isChanged, problems } = await diff(targetOfChild(child, settings), true, settings);
    return { text: isChanged ? `📁 ${subject(object)} changed\n${text}` : "", isChanged, problems };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { text: "", isChanged: false, problems: [error.message] };
  }
}

type Found =
  | { readonly kind: "unchanged" | "skipped" | "created" | "drifted"; readonly text: string }
  | { readonly kind: "refused"; readonly message: string };

async function diffObject(object: KubeObject, ignored: IgnoredFields, settings: DiffSettings): Promise<Found> {
  const { cluster, columns = defaultColumns, signal } = settings;
  const live = await readIfPossible(cluster, object, signal);
  if (isIgnored(object, live) || (live && isCreatedOnly(object)))
    return { kind: "skipped", text: `► ${subject(live ?? object)} skipped\n` };
  const created = { kind: "created", text: `► ${subject(object)} created\n` } as const;
  const dryRun = await dryRunOf(cluster, object, signal);
  if (dryRun instanceof KubeError)
    return isImmutableError(dryRun) && isForced(object, live ?? object)
      ? created
      : { kind: "refused", message: describeRefusal(object, dryRun) };
  if (!dryRun.metadata.resourceVersion) return created;
  const pointers = ignored(dryRun);
  if (live && !hasDrifted(live, dryRun, pointers)) return { kind: "unchanged", text: "" };
  const masked = maskSecret(object, without(plain(live ?? {}), pointers), without(plain(dryRun), pointers));
  if (!masked) return { kind: "unchanged", text: "" };
  const report = printReport(compareNodes(masked.live, masked.merged), columns);
  return { kind: "drifted", text: `► ${subject(object)} drifted\n${report}` };
}

async function readIfPossible(cluster: Cluster, object: KubeObject, signal?: AbortSignal) {
  try {
    return await cluster.get(refOf(object), signal);
  } catch (error) {
    // The dry-run has the better words for what is wrong.
    if (error instanceof KubeError) return undefined;
    throw error;
  }
}

async function dryRunOf(cluster: Cluster, object: KubeObject, signal?: AbortSignal): Promise<KubeObject | KubeError> {
  const options = { fieldManager: applyManager, force: true, dryRun: true, ...(signal ? { signal } : {}) };
  try {
    return await cluster.apply(object, options);
  } catch (error) {
    if (error instanceof KubeError && error.code !== 0) return error;
    throw error;
  }
}

/** The words of Flux's apply library. */
function describeRefusal(object: KubeObject, { reason, message }: KubeError): string {
  const words =
    reason === "NoMatch"
      ? "dry-run failed"
      : reason === "NotFound"
        ? object.metadata.namespace
          ? "not found"
          : "namespace not specified"
        : `dry-run failed (${reason})`;
  return `${subject(object)} ${words}: ${message}`;
}

function plain(object: KubeObject | Record<string, never>): KubeObject {
  const metadata: Readonly<Record<string, unknown>> = isRecord(object.metadata) ? object.metadata : {};
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest } as unknown as KubeObject;
}

/** Lines for what the inventory has and the build has not. */
function deletedBy({ spec, status }: LocalKustomization, kept: ReadonlySet<string>): readonly string[] {
  if (!spec.prune) return [];
  const stale = (status.inventory?.entries ?? []).filter(({ id }) => !kept.has(id)).map(refOfId);
  return [...stale].sort(compareRefs).map((ref) => `► ${subjectOf(ref)} deleted\n`);
}
