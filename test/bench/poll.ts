/** B13: what a look at a Git server costs while nothing has moved, in a repository with ten thousand refs. */
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";

import { resolveRef } from "../../shared/source/git/resolve-ref.ts";
import { openRemote } from "../../shared/source/git/remote.ts";
import { openTransportWithin } from "../../shared/source/git/open-transport.ts";
import { parseGitUrl } from "../../shared/source/git/url.ts";
import { createGitRoot, startGitServer } from "../fakes/git-server.ts";
import type { Figure } from "./figure.ts";

const refs = 10_000;
const mostBytes = 1024;
const maxAnswerBytes = 10_000_000;

export async function pollFigures(): Promise<readonly Figure[]> {
  const git = createGitRoot();
  let bytes = 0;
  const server = await startGitServer(git.folder, {
    intercept: (_, response) => {
      const write = response.write.bind(response);
      response.write = ((chunk: Buffer) => {
        bytes += chunk.length;
        return write(chunk);
      }) as typeof response.write;
      return false;
    },
  });
  try {
    const repository = git.create("refs");
    const commit = repository.commit({ "a.yaml": "a: 1\n" });
    const bare = [repository.folder, join(repository.folder, ".git")].find((folder) =>
      existsSync(join(folder, "HEAD")),
    );
    const lines = Array.from(
      { length: refs },
      (_, index) => `${commit} refs/tags/v${String(index).padStart(5, "0")}\n`,
    );
    appendFileSync(join(bare ?? repository.folder, "packed-refs"), lines.join(""));
    server.requests.length = 0;
    await poll(`${server.url}/refs.git`);
    const figure = (metric: string, unit: Figure["unit"], driftless: number, value: number): Figure => ({
      bench: "B13",
      metric: `poll of ${refs.toLocaleString("en-US")} refs, ${metric}`,
      unit,
      driftless,
      target: { relation: "<=", value, of: "value", promised: true },
    });
    return [figure("requests", "requests", server.requests.length, 1), figure("body", "bytes", bytes, mostBytes)];
  } finally {
    await server.close();
    git.remove();
  }
}

/** As a source's run looks: by the same way, to the one branch. */
async function poll(address: string): Promise<void> {
  const url = parseGitUrl(address);
  if (!url) throw new Error(`${address} is no address of a repository`);
  const limits = { signal: new AbortController().signal, maxBytes: maxAnswerBytes };
  const transport = await openTransportWithin("machine")(url, { kind: "http" }, limits);
  await resolveRef(openRemote(transport), { branch: "main" }, address);
}
