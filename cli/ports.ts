/** What the commands need of the world: clusters, two streams, time, and a way to reach the engine. */
import type { ObjectRef } from "../shared/api/kube-object.ts";
import type { StoredDrift } from "../shared/drift/records.ts";
import type { Cluster } from "../shared/kubernetes/cluster.ts";
import type { Clock } from "../shared/runtime/clock.ts";

export interface NamedCluster {
  /** Its name in the fleet, or the name of the kubeconfig's context. */
  readonly name: string;
  readonly cluster: Cluster;
}

export interface CliPorts {
  readonly clusters: readonly NamedCluster[];
  /** Standard output: tables and documents, nothing else. Text ends with its own line feed. */
  readonly out: (text: string) => void;
  /** Standard error: what happens, and what went wrong. */
  readonly err: (text: string) => void;
  readonly clock: Clock;
  /** Wakes the engine for one object. Absent when its queue cannot be reached from here: the next sweep finds the request. */
  readonly trigger?: (cluster: string, ref: ObjectRef, why: string) => Promise<void>;
  /** The engine's records of drift in a cluster. Absent when its table cannot be reached from here. */
  readonly drifts?: (cluster: string) => Promise<readonly StoredDrift[]>;
  /** Reads an artifact by the address in its source's status, `s3://<bucket>/<key>`, with the person's own credentials. */
  readonly fetchArtifact?: (url: string) => Promise<Uint8Array>;
  /** Asks the person at the terminal. */
  readonly confirm: (question: string) => Promise<boolean>;
  readonly signal?: AbortSignal;
  /** Width of the terminal; 80 when there is none. */
  readonly columns?: number;
}

/** Ends the program after its message was shown. Without a message, all has been said. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** Status of the process, 1 unless Flux has another for the case. */
  readonly exitCode: number;
  /** `warning` for a finding that is no failure, such as a difference. */
  readonly severity: "failure" | "warning";

  constructor(
    message: string,
    { exitCode = 1, severity = "failure" }: { exitCode?: number; severity?: "failure" | "warning" } = {},
  ) {
    super(message);
    this.exitCode = exitCode;
    this.severity = severity;
  }
}
