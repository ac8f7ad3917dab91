/** docs/benchmarks.md: the figures with what they were measured on and how to repeat them. */
import { cpus, loadavg, totalmem } from "node:os";

import { type Figure, markdownTable } from "./figure.ts";
import { versions } from "../real/versions.ts";

export interface Machine {
  readonly date: string;
  readonly processor: string;
  readonly load: string;
  readonly software: string;
  readonly peer: string;
  readonly rounds: number;
}

export function describeMachine(rounds: number): Machine {
  const [first] = cpus();
  const { peerName, kubernetes, etcd } = versions();
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: `${cpus().length} × ${first?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    load: loadavg()
      .map((value) => value.toFixed(1))
      .join(", "),
    software: `Node.js ${process.versions.node}, Kubernetes ${kubernetes}, etcd ${etcd}`,
    peer: peerName,
    rounds,
  };
}

export function documentOf(figures: readonly Figure[], machine: Machine): string {
  const { date, processor, load, software, peer, rounds } = machine;
  return `# Benchmarks

Written by \`npm run bench -- --write\`. Driftless and its peer take turns on one machine, each on an API server of its
own, with the same content, and fetch from the same Git server.

| | |
| --- | --- |
| date | ${date} |
| machine | ${processor} |
| load at the end (1, 5, 15 minutes) | ${load} |
| software | ${software} |
| peer | ${peer} |
| rounds | ${rounds} |

${markdownTable(figures)}

- Time counts from the moment at which the Git server has the commit until the Kustomization is Ready at it. Both are
  told of the push at once: the peer by \`reconcile.fluxcd.io/requestedAt\` on its GitRepository, Driftless as its
  webhook does.
- Requests are all that the engine asked of the API server for that push, source and apply together: the peer's by the
  audit log, Driftless' by its own HTTP client. The largest of all rounds is shown.
- The content: 70 % ConfigMaps, 10 % each Services, ServiceAccounts and Deployments without replicas; one file each, one
  Kustomization. Everything on disk lies in memory, etcd included.
- Driftless' workers run in one warm process, with the build in a kubectl process of its own. Queue, table and bucket are
  in memory: what AWS adds to a run is not in these figures.
- B8's peer is the same kubectl as a bare process on the same files, already on disk; Driftless' build also unpacks the
  archive, checks every file, and writes what the build reads. An unchanged closure is answered without any process. The
  counts of a push to fifty Kustomizations are of an engine in memory with real builds.
- B1, B1v, B1n and B2 count everything that a sweep asks, triggers and Flux's own kinds included, and the bytes of its
  answers; the peer's figure is one interval of its own. CPU is that of the API server alone.
- B9's peer runs with \`--concurrent=20\`, both get four Kustomizations at a time; B10 counts from the write that makes an
  object ready until its Kustomization is Ready. B13 is one look of the source at its Git server, B14 the bundles as they
  are deployed, imported in a process of their own.
- Times depend on the machine and on what else it does, ratios less so, requests not at all.
`;
}
