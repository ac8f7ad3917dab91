/** What keeps a Pod from being ready, in the words of the kubelet and the scheduler; never what a container has printed. */
import type { KubeObject } from "../api/kube-object.ts";
import { excerpt } from "../runtime/advice.ts";
import { fieldAt, findCondition, intAt, stringAt } from "./fields.ts";

/** Passing states of every start. */
const starting = new Set(["ContainerCreating", "PodInitializing"]);
/** Say how long the kubelet waits, which changes with every look. */
const counting = new Set(["CrashLoopBackOff"]);

/** The first Pod that is not ready, newest first, and why; undefined when all of them are, or have completed. */
export function causeOfPods(pods: readonly KubeObject[]): string | undefined {
  const open = pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined && !isDone(pod))
    .sort((a, b) => createdAt(b) - createdAt(a));
  // One that has a reason to tell says more than one that is only starting.
  const told = open.find((pod) => reasonOf(pod) !== undefined) ?? open[0];
  return told && `Pod ${told.metadata.name}: ${reasonOf(told) ?? stateOf(told)}`;
}

/** The same of one Pod, without its name; undefined when it says nothing. */
export function reasonOf(pod: KubeObject): string | undefined {
  for (const status of containersOf(pod)) {
    const reason = containerReason(status);
    if (reason !== undefined) return `container ${stringAt(status, ["name"], "")}: ${reason}`;
  }
  const unscheduled = findCondition(pod, "PodScheduled", "False");
  if (unscheduled) return words(unscheduled.reason, unscheduled.message);
  const reason = stringAt(pod, ["status", "reason"], "");
  return reason === "" ? undefined : words(reason, stringAt(pod, ["status", "message"], ""));
}

function containerReason(status: unknown): string | undefined {
  const waiting = stringAt(status, ["state", "waiting", "reason"], "");
  if (waiting !== "" && !starting.has(waiting)) {
    const image = stringAt(status, ["image"], "");
    const message = counting.has(waiting) ? "" : stringAt(status, ["state", "waiting", "message"], "");
    const what = /image/i.test(waiting) && !message.includes(image) ? `image ${image}: ${message}` : message;
    return [words(waiting, what), lastExit(status, "lastState")].filter(Boolean).join(", ");
  }
  return lastExit(status, "state");
}

function lastExit(status: unknown, state: "state" | "lastState"): string | undefined {
  const code = intAt(status, [state, "terminated", "exitCode"], 0);
  if (code === 0) return undefined;
  const reason = stringAt(status, [state, "terminated", "reason"], "");
  return `ended with code ${code}${reason === "" || reason === "Error" ? "" : ` (${reason})`}`;
}

function stateOf(pod: KubeObject): string {
  const phase = stringAt(pod, ["status", "phase"], "");
  if (phase !== "Running") return phase === "" ? "no node has reported it yet" : `is ${phase}`;
  const unready = containersOf(pod).find((status) => fieldAt(status, "ready") !== true);
  return `container ${stringAt(unready, ["name"], "")} runs but is not ready, see its readiness probe`;
}

const isDone = (pod: KubeObject): boolean =>
  stringAt(pod, ["status", "phase"], "") === "Succeeded" || findCondition(pod, "Ready", "True") !== undefined;

function containersOf(pod: KubeObject): readonly unknown[] {
  return ["initContainerStatuses", "containerStatuses"].flatMap((field) => {
    const list = fieldAt(pod, "status", field);
    return Array.isArray(list) ? (list as readonly unknown[]) : [];
  });
}

const words = (reason: string, message: string): string => (message === "" ? reason : `${reason}: ${excerpt(message)}`);

const createdAt = ({ metadata }: KubeObject): number => Date.parse(metadata.creationTimestamp ?? "") || 0;
