/** `approve`: shows what a Kustomization has held back from its prune, and lets exactly that go. */
import { type KubeObject, type ObjectRef, subjectOf } from "../../shared/api/kube-object.ts";
import { readInventory, refOfId } from "../../shared/inventory/id.ts";
import { approvalAnnotation, type Plan, planDigest } from "../../shared/kustomize/deletion-budget.ts";
import { findPending } from "../../shared/kustomize/prune-pending.ts";
import { eachCluster } from "../each-cluster.ts";
import { kustomizationApiVersion, kustomizationKind, type ResourceRef } from "../../shared/api/kustomization.ts";
import { CommandError, type CliPorts, type NamedCluster } from "../ports.ts";
import { createSay } from "../say.ts";
import { requireObject } from "../wait.ts";
import { request } from "./reconcile.ts";

export interface ApproveOptions {
  readonly namespace: string;
  readonly name: string;
  /** Does not ask. */
  readonly yes?: boolean;
}

interface Found {
  readonly named: NamedCluster;
  readonly object: KubeObject;
  readonly plan: Plan;
}

/**
 * On every cluster where something waits; each of them has its own plan, shown before anybody is asked.
 * @throws CommandError when nothing waits anywhere, a plan is not to be seen, or the person says no
 */
export async function approve(ports: CliPorts, options: ApproveOptions): Promise<void> {
  const { answers, requireAll } = await eachCluster(ports, (named) => findHeld(ports, named, options));
  const found = answers.flatMap(({ value }) => value ?? []);
  for (const held of found) show(ports, held);
  const names = found.map(({ named }) => named.name).join(", ");
  const count = found.reduce((sum, { plan }) => sum + plan.count, 0);
  if (
    count > 0 &&
    options.yes !== true &&
    !(await ports.confirm(`Let these ${count} objects be deleted from ${names}`))
  )
    throw new CommandError("aborting");
  for (const held of found) await approveOne(ports, held);
  requireAll();
  if (count === 0)
    throw new CommandError(`Kustomization/${options.namespace}/${options.name} has no prune that waits for approval`);
}

async function findHeld(
  ports: CliPorts,
  named: NamedCluster,
  { namespace, name }: ApproveOptions,
): Promise<Found | undefined> {
  const object = await requireObject(named.cluster, refTo(namespace, name), ports.signal);
  const pending = findPending(object);
  if (!pending) return undefined;
  if (!pending.plan) throw new CommandError(`nothing to approve here: ${pending.message}`);
  return { named, object, plan: pending.plan };
}

/** On standard output, so that it can be kept. */
function show(ports: CliPorts, { named, object, plan }: Found): void {
  const entries = heldEntries(object, plan);
  const { name, namespace = "" } = object.metadata;
  createSay(ports, named).action(`${plan.count} objects of Kustomization/${namespace}/${name} would be deleted:`);
  for (const entry of entries) ports.out(`${subjectOf(refOfId(entry))}\n`);
}

/**
 * What waits stands at the end of the inventory; the digest proves that these are the ones.
 * @throws CommandError when they are not: a run is under way, or has failed before it came to the prune
 */
function heldEntries({ metadata, status }: KubeObject, { count, digest }: Plan): readonly ResourceRef[] {
  const entries = readInventory(status).slice(-count);
  if (planDigest(metadata.uid ?? "", entries) === digest) return entries;
  throw new CommandError(
    `the inventory of Kustomization/${metadata.namespace ?? ""}/${metadata.name} does not end with plan ${digest}: let its run end, or mend what fails, and approve then`,
  );
}

async function approveOne(ports: CliPorts, { named, object, plan }: Found): Promise<void> {
  const { name, namespace = "" } = object.metadata;
  await request(ports, named, refTo(namespace, name), "prune approved", { [approvalAnnotation]: plan.digest });
  createSay(ports, named).success(`plan ${plan.digest} approved, the next run deletes its ${plan.count} objects`);
}

const refTo = (namespace: string, name: string): ObjectRef => ({
  apiVersion: kustomizationApiVersion,
  kind: kustomizationKind,
  namespace,
  name,
});
