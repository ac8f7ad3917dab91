/**
 * Reconciles one GitRepository: finds the revision that its reference stands for, stores that commit's files as an
 * artifact unless they are stored already, and says so in the status, as Flux's source-controller does.
 */
import { describeFindings } from "../api/fields.ts";
import {
  type GitRepository,
  gitRepositoryApiVersion,
  gitRepositoryKind,
  parseGitRepository,
} from "../api/git-repository.ts";
import { type KubeObject, type ObjectRef } from "../api/kube-object.ts";
import { addFinalizer, removeFinalizer } from "../kubernetes/finalizer.ts";
import { createStatusWriter } from "../kubernetes/status-writer.ts";
import { parseKey } from "../lease/message.ts";
import { advised } from "../runtime/advice.ts";
import { rfc3339 } from "../runtime/clock.ts";
import { type EngineEvent, eventAbout } from "../runtime/event.ts";
import { parseGoDuration } from "../runtime/go-duration.ts";
import { ReconcileError } from "../runtime/reconcile-error.ts";
import { createArchive } from "./archive.ts";
import { type Checkout, openCheckout } from "./checkout.ts";
import { explainFetch } from "./explain.ts";
import { sharedFetchKey } from "./fetch-key.ts";
import { shortMessage } from "./git/objects.ts";
import { formatRevision, type GitRevision } from "./git/revision.ts";
import type { SourceOutcome, SourcePorts } from "./ports.ts";
import { requireAccess, requireSupported, requireUrl } from "./require.ts";
import {
  announceNeeded,
  forgetSource,
  isAging,
  readSharedFetch,
  readSourceRow,
  recordFailures,
  recordSharedFetch,
  recordStored,
  recordUrl,
  type SharedFetch,
  type SourceRow,
} from "./rows.ts";
import { nextPollAt, nextRetryAt } from "./schedule.ts";
import { artifactOf, concludeFailure, concludeReady, concludeStalled } from "./status.ts";

const fieldManager = "source-controller";
const failureTypes: ReadonlySet<string> = new Set(["FetchFailed", "StorageOperationFailed", "IncludeUnavailable"]);

/**
 * @param key the object's key, `<cluster>/source.toolkit.fluxcd.io/GitRepository/<namespace>/<name>`
 * @throws KubeError, and whatever the table or the bucket throws: the run is to be repeated
 */
export async function reconcileGitRepository(key: string, ports: SourcePorts): Promise<SourceOutcome> {
  const found = await ports.cluster.get(requireRef(key), ports.signal);
  const outcome = await reconcileFound(key, found, ports);
  return found ? { ...outcome, seen: seenOf(found) } : outcome;
}

const seenOf = ({ metadata: { uid = "", generation = 0 } }: KubeObject) => ({ uid, generation });

async function reconcileFound(key: string, found: KubeObject | undefined, ports: SourcePorts): Promise<SourceOutcome> {
  if (!found || found.metadata.deletionTimestamp) return conclude(await release(key, found, ports));
  const object = await addFinalizer(found, ports.cluster, { fieldManager, fence: ports.fence });
  const parsed = parseGitRepository(object);
  if (parsed.ok && parsed.value.spec.suspend === true) return conclude({ kind: "suspended" });

  const previous = await readSourceRow(ports.table, key);
  const run: Run = { key, object, previous, ports, now: () => rfc3339(ports.clock.now()) };
  const repository = parsed.ok ? parsed.value : bare(object);
  try {
    if (!parsed.ok) throw new ReconcileError("stall", "Failed", describeFindings(parsed.findings));
    return await store(repository, run);
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    return fail(repository, error, run);
  }
}

interface Run {
  readonly key: string;
  readonly object: KubeObject;
  readonly previous: SourceRow;
  readonly ports: SourcePorts;
  readonly now: () => string;
}

async function store(repository: GitRepository, run: Run): Promise<SourceOutcome> {
  const { key, object, previous, ports, now } = run;
  requireSupported(repository);
  const url = requireUrl(repository);
  await recordUrl(ports.table, key, previous, { url: repository.spec.url, branch: followedBranch(repository) });
  const access = await requireAccess(repository, url, ports.cluster, ports.signal);
  const fetchKey = sharedFetchKey(ports.hmacKey, repository.spec, access);

  const checkout = await openCheckout(repository, url, access, ports);
  const { commit, revision, fetched } = await obtain(checkout, fetchKey, ports).finally(() => checkout.close());

  // The table first: a run that dies before the status is written repeats both writes, and the dependants are told
  // only after this function has returned.
  await recordStored(ports.table, key, previous, { ...fetched, revision }, Math.floor(ports.clock.now() / 1000));
  const location = `s3://${ports.bucket}/${fetched.artifactKey}`;
  const artifact = artifactOf(repository, { ...fetched, revision, commit, url: location }, now());
  await write(object, concludeReady(repository, artifact, now()), ports);

  return {
    kind: "ready",
    revision,
    announceNeeded: await announceNeeded(ports.table, key),
    nextAtSeconds: nextPollAt(ports.clock.now(), parseGoDuration(repository.spec.interval), key, revision),
    events: successEvents(repository, object, artifact, fetched.subject),
  };
}

/** The one branch whose pushes can move the source; undefined where tags, names or commits decide. */
function followedBranch({ spec: { ref = {} } }: GitRepository): string | undefined {
  const { branch = "master", tag, semver, name, commit } = ref;
  return [tag, semver, name, commit].some((given) => given !== undefined) ? undefined : branch;
}

interface Obtained {
  readonly commit: string;
  readonly revision: string;
  readonly fetched: SharedFetch;
}

/** The server is asked before anything shared is looked up: the credential must have proven itself. */
async function obtain(checkout: Checkout, fetchKey: string, ports: SourcePorts): Promise<Obtained> {
  const resolved = await checkout.resolve();
  const revision = formatRevision(resolved);
  const shared = await readSharedFetch(ports.table, fetchKey, revision);
  const present = shared !== undefined && (await ports.blobs.exists(shared.artifactKey));
  const fetched = present ? shared : await fetchAndStore(checkout, resolved, ports);
  const now = Math.floor(ports.clock.now() / 1000);
  if (!present || isAging(shared, now)) await recordSharedFetch(ports.table, fetchKey, revision, fetched, now);
  return { commit: resolved.commit, revision, fetched };
}

async function fetchAndStore(checkout: Checkout, revision: GitRevision, ports: SourcePorts): Promise<SharedFetch> {
  const { commit, entries } = await checkout.fetch(revision);
  const { bytes, digest, hex } = await createArchive(entries);
  const artifactKey = `artifacts/${hex}.tar.gz`;
  await ports.blobs.put(artifactKey, bytes, "application/gzip");
  return { artifactKey, digest, size: bytes.length, author: commit.author, subject: shortMessage(commit) };
}

async function fail(repository: GitRepository, cause: ReconcileError, run: Run): Promise<SourceOutcome> {
  const { disposition, reason } = cause;
  const message = advised(cause.message, explainFetch(cause.message, repository));
  const error = new ReconcileError(disposition, reason, message, { cause });
  const { key, object, previous, ports, now } = run;
  const stalled = error.disposition === "stall";
  const known = repository.status.conditions?.some(
    ({ type, status, message }) => type === "Stalled" && status === "True" && message === error.message,
  );
  const failures = previous.failures + 1;
  if (!stalled) await recordFailures(ports.table, key, failures);
  await write(object, (stalled ? concludeStalled : concludeFailure)(repository, error, now()), ports);
  const revision = previous.revision;
  return {
    kind: stalled ? "stalled" : "failed",
    ...(revision === undefined ? {} : { revision }),
    announceNeeded: await announceNeeded(ports.table, key),
    ...(stalled ? {} : { nextAtSeconds: nextRetryAt(ports.clock.now(), failures) }),
    events: stalled && known === true ? [] : [event(object, "Warning", error.reason, error.message)],
  };
}

/** A deleted object loses its finalizer, suspended or not; the artifact stays for those who share it. */
async function release(key: string, object: KubeObject | undefined, ports: SourcePorts): Promise<{ kind: "deleted" }> {
  await forgetSource(ports.table, key);
  if (object) await removeFinalizer(object, ports.cluster, { fieldManager, fence: ports.fence });
  return { kind: "deleted" };
}

async function write(object: KubeObject, status: object, { cluster, fence }: SourcePorts): Promise<void> {
  const writer = createStatusWriter(cluster, object, { fieldManager, fence });
  await writer.save(status as Readonly<Record<string, unknown>>);
}

/** As Flux: news of other content, or that a failure is over; nothing when nothing happened. */
function successEvents(
  { status }: GitRepository,
  object: KubeObject,
  { revision, digest }: { revision: string; digest: string },
  subject: string,
): readonly EngineEvent[] {
  const annotations = {
    "source.toolkit.fluxcd.io/revision": revision,
    "source.toolkit.fluxcd.io/digest": digest,
  };
  const message = `stored artifact for commit '${subject}'`;
  if (status.artifact?.digest !== digest) return [event(object, "Normal", "NewArtifact", message, annotations)];
  const recovered = status.conditions?.some(({ type }) => failureTypes.has(type)) === true;
  return recovered ? [event(object, "Normal", "Succeeded", message, annotations)] : [];
}

function event(
  object: KubeObject,
  type: EngineEvent["type"],
  reason: string,
  message: string,
  annotations: Readonly<Record<string, string>> = {},
): EngineEvent {
  return eventAbout(object, { type, reason, action: "Reconcile", message, annotations });
}

function requireRef(key: string): ObjectRef {
  const parsed = parseKey(key);
  if (parsed?.kind !== gitRepositoryKind) throw new TypeError(`${key} is no key of a ${gitRepositoryKind}`);
  const { namespace, name } = parsed;
  return { apiVersion: gitRepositoryApiVersion, kind: gitRepositoryKind, namespace, name };
}

/** An object whose spec cannot be read still gets a status that says so. */
function bare(object: KubeObject): GitRepository {
  const status = (object.status ?? {}) as GitRepository["status"];
  return { ...object, spec: {}, status } as unknown as GitRepository;
}

const conclude = ({ kind }: Pick<SourceOutcome, "kind">): SourceOutcome => ({
  kind,
  announceNeeded: false,
  events: [],
});
