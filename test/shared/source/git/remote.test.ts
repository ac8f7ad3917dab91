/** The protocol against a real git, over HTTP, HTTPS and SSH. */
import selfsigned from "selfsigned";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { GitAccess } from "../../../../shared/source/git/credentials.ts";
import { openTransportWithin } from "../../../../shared/source/git/open-transport.ts";
import { type GitRemote, openRemote } from "../../../../shared/source/git/remote.ts";
import { fetchSnapshot } from "../../../../shared/source/git/snapshot.ts";
import { parseGitUrl } from "../../../../shared/source/git/url.ts";
import {
  createGitRoot,
  type GitRoot,
  type GitServer,
  type GitServerOptions,
  startGitServer,
  startSshServer,
} from "../../../fakes/git-server.ts";

let root: GitRoot;
let head: string;
const closers: (() => Promise<void>)[] = [];

beforeAll(() => {
  root = createGitRoot();
  const repository = root.create("fleet");
  repository.commit({ "a.yaml": "one\n", "old.yaml": "x".repeat(500) });
  head = repository.commit({ "a.yaml": "two\n", "dir/b.yaml": "b\n", "old.yaml": `${"x".repeat(500)}y` }, "Second");
  repository.git("tag", "-a", "v1.0.0", "-m", "release");
  repository.git("update-ref", "refs/pull/1/head", head);
});

afterAll(async () => {
  for (const close of closers) await close();
  root.remove();
});

async function serve(options: GitServerOptions = {}): Promise<GitServer> {
  const server = await startGitServer(root.folder, options);
  closers.push(() => server.close());
  return server;
}

async function connect(
  url: string,
  access: GitAccess = { kind: "http" },
  { millis = 10_000, maxBytes = 10_000_000 } = {},
): Promise<GitRemote> {
  const limits = { signal: AbortSignal.timeout(millis), maxBytes };
  const transport = await openTransportWithin("machine")(parseGitUrl(url)!, access, limits);
  closers.push(() => transport.close());
  return openRemote(transport);
}

const paths = async (remote: GitRemote, commit = head) =>
  (await fetchSnapshot(remote, commit, undefined)).entries.map(({ path }) => path);
const everything = ["a.yaml", "dir", "dir/b.yaml", "old.yaml"];

describe("openRemote over HTTP", () => {
  it("lists and fetches with one POST each", async () => {
    const server = await serve();
    const remote = await connect(`${server.url}/fleet.git`);

    expect(await remote.listRefs(["refs/heads/main"])).toEqual([{ name: "refs/heads/main", oid: head }]);
    expect(await paths(remote)).toEqual(everything);
    expect(server.requests).toEqual(["POST /fleet.git/git-upload-pack", "POST /fleet.git/git-upload-pack"]);
  });

  it("peels annotated tags and keeps to the prefix", async () => {
    const remote = await connect(`${(await serve()).url}/fleet.git`);

    const refs = await remote.listRefs(["refs/tags/"]);

    expect(refs).toMatchObject([{ name: "refs/tags/v1.0.0", peeled: head }]);
  });

  it("falls back to version 0", async () => {
    const remote = await connect(`${(await serve({ onlyV0: true })).url}/fleet.git`);

    const refs = await remote.listRefs(["refs/heads/", "refs/tags/"]);

    expect(refs).toMatchObject([
      { name: "refs/heads/main", oid: head },
      { name: "refs/tags/v1.0.0", peeled: head },
    ]);
    expect(await paths(remote)).toEqual(everything);
  });

  it("reads repositories with SHA-256 names", async () => {
    const repository = root.create("sha256", { format: "sha256" });
    const commit = repository.commit({ "a.yaml": "1" });
    const remote = await connect(`${(await serve()).url}/sha256.git`);

    expect(await remote.listRefs(["refs/heads/main"])).toEqual([{ name: "refs/heads/main", oid: commit }]);
    expect(await paths(remote, commit)).toEqual(["a.yaml"]);
  });

  it.each<[string, GitServerOptions, GitAccess]>([
    ["user and password", { basic: "git:s3cret" }, { kind: "http", username: "git", password: "s3cret" }],
    ["a bearer token", { bearer: "t0ken" }, { kind: "http", bearerToken: "t0ken" }],
  ])("logs in with %s", async (_, options, access) => {
    const remote = await connect(`${(await serve(options)).url}/fleet.git`, access);

    expect(await remote.listRefs(["refs/heads/"])).toHaveLength(1);
  });

  it("says what the server says about a refused credential, and not the credential", async () => {
    const remote = await connect(`${(await serve({ basic: "git:s3cret" })).url}/fleet.git`, {
      kind: "http",
      username: "git",
      password: "wr0ng",
    });

    await expect(remote.listRefs([])).rejects.toMatchObject({
      code: "AuthenticationRequired",
      message: "authentication required: Invalid username or token.",
    });
  });

  it("says that a repository is not there", async () => {
    const remote = await connect(`${(await serve()).url}/gone.git`);

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "RepositoryNotFound" });
  });

  it("gives up on a host that hangs", async () => {
    const server = await serve({ intercept: () => true });
    const remote = await connect(`${server.url}/fleet.git`, { kind: "http" }, { millis: 100 });

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "Timeout", message: "context deadline exceeded" });
  });

  it("says that nobody listens", async () => {
    const server = await startGitServer(root.folder);
    await server.close();
    const remote = await connect(`${server.url}/fleet.git`);

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "Unreachable" });
  });

  it("takes no more than the limit", async () => {
    const remote = await connect(`${(await serve()).url}/fleet.git`, { kind: "http" }, { maxBytes: 20 });

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "LimitExceeded" });
  });

  it("does not mistake a web page for Git", async () => {
    const server = await serve({
      intercept: (_, response) => {
        response.writeHead(200, { "content-type": "text/html" });
        response.end("<html>");
        return true;
      },
    });
    const remote = await connect(`${server.url}/fleet.git`);

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "Protocol" });
  });

  it("follows a redirect on the same host and stays there", async () => {
    const server = await serve({
      intercept: ({ url = "" }, response) => {
        if (!url.startsWith("/moved")) return false;
        response.writeHead(301, { location: url.replace("/moved", "") });
        response.end();
        return true;
      },
    });
    const remote = await connect(`${server.url}/moved/fleet.git`);

    await remote.listRefs(["refs/heads/main"]);
    await paths(remote);

    expect(server.requests.filter((request) => request.includes("/moved"))).toHaveLength(1);
  });

  it("shows its credential to no other host", async () => {
    const thief = await serve();
    const server = await serve({
      intercept: ({ url = "" }, response) => {
        response.writeHead(302, { location: `${thief.url}${url}` });
        response.end();
        return true;
      },
    });
    const remote = await connect(`${server.url}/fleet.git`, { kind: "http", username: "git", password: "s3cret" });

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "Protocol" });
    expect(thief.requests).toEqual([]);
  });

  it("ends after too many redirects", async () => {
    const server = await serve({
      intercept: ({ url = "" }, response) => {
        response.writeHead(302, { location: url });
        response.end();
        return true;
      },
    });
    const remote = await connect(`${server.url}/fleet.git`);

    await expect(remote.listRefs([])).rejects.toThrow("stopped after 5 redirects");
  });
});

describe("openRemote over HTTPS", () => {
  const certificate = selfsigned.generate([{ name: "commonName", value: "127.0.0.1" }], {
    keySize: 2048,
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  const tls = { cert: certificate.cert, key: certificate.private };

  it("trusts the Secret's own authority", async () => {
    const remote = await connect(`${(await serve({ tls })).url}/fleet.git`, { kind: "http", ca: certificate.cert });

    expect(await paths(remote)).toEqual(everything);
  });

  it("trusts nobody else", async () => {
    const remote = await connect(`${(await serve({ tls })).url}/fleet.git`);

    await expect(remote.listRefs([])).rejects.toMatchObject({
      code: "Unreachable",
      message: "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    });
  });

  it("shows a client certificate where the server wants one", async () => {
    const server = await serve({ tls: { ...tls, clientCa: certificate.cert } });
    const url = `${server.url}/fleet.git`;
    const identity = { clientCertificate: certificate.cert, clientKey: certificate.private };
    const stranger = await connect(url, { kind: "http", ca: certificate.cert });
    const friend = await connect(url, { kind: "http", ca: certificate.cert, ...identity });

    expect(await friend.listRefs(["refs/heads/"])).toHaveLength(1);
    await expect(stranger.listRefs([])).rejects.toMatchObject({ code: "Unreachable" });
  });
});

/** Some of the ed25519 keys that ssh2 makes it cannot read itself: 12 of 2,000. */
function generateKeys(type: string, options: { readonly passphrase?: string; readonly [name: string]: unknown } = {}) {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync(type as "ed25519", options as never);
    if (!(ssh2.utils.parseKey(pair.private, options.passphrase) instanceof Error)) return pair;
  }
}

describe("openRemote over SSH", () => {
  const user = generateKeys("ed25519");

  async function start(type: "ed25519" | "ecdsa" | "rsa", ignoreProtocol = false) {
    const host =
      type === "ed25519" ? generateKeys("ed25519") : generateKeys(type, { bits: type === "rsa" ? 2048 : 256 });
    const options = { hostKey: host.private, authorizedKey: user.public, ignoreProtocol };
    const server = await startSshServer(root.folder, options);
    closers.push(() => server.close());
    const [kind = "", key = ""] = host.public.split(" ");
    return {
      url: (name: string) => `ssh://git@127.0.0.1:${server.port}/${name}.git`,
      knownHosts: `[127.0.0.1]:${server.port} ${kind} ${key}`,
    };
  }
  const access = (knownHosts: string, identity = user.private): GitAccess => ({
    kind: "ssh",
    username: "git",
    identity,
    knownHosts,
  });

  it.each(["ed25519", "ecdsa", "rsa"] as const)("lists and fetches, with a host key of type %s", async (type) => {
    const server = await start(type);
    const remote = await connect(server.url("fleet"), access(server.knownHosts));

    expect(await remote.listRefs(["refs/heads/"])).toEqual([{ name: "refs/heads/main", oid: head }]);
    expect(await paths(remote)).toEqual(everything);
  });

  it("speaks version 0 where the server does not take the environment", async () => {
    const server = await start("ed25519", true);
    const remote = await connect(server.url("fleet"), access(server.knownHosts));

    expect(await remote.listRefs(["refs/heads/"])).toEqual([{ name: "refs/heads/main", oid: head }]);
    expect(await paths(remote)).toEqual(everything);
  });

  it("refuses a host that is not known", async () => {
    const server = await start("ed25519");
    const stranger = server.knownHosts.replace("127.0.0.1", "127.0.0.2");
    const remote = await connect(server.url("fleet"), access(stranger));

    await expect(remote.listRefs([])).rejects.toThrow("knownhosts: key is unknown");
  });

  it("refuses a host with another key", async () => {
    const [first, second] = [await start("ed25519"), await start("ed25519")];
    const [address = ""] = second.knownHosts.split(" ");
    const swapped = [address, ...first.knownHosts.split(" ").slice(1)].join(" ");
    const remote = await connect(second.url("fleet"), access(swapped));

    await expect(remote.listRefs([])).rejects.toThrow("knownhosts: key mismatch");
  });

  it("says that the key is not accepted", async () => {
    const server = await start("ed25519");
    const other = generateKeys("ed25519").private;
    const remote = await connect(server.url("fleet"), access(server.knownHosts, other));

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "AuthenticationRequired" });
  });

  it("opens an identity with its passphrase", async () => {
    const locked = generateKeys("ed25519", { passphrase: "open", cipher: "aes256-ctr", rounds: 2 });
    const server = await startSshServer(root.folder, { hostKey: user.private, authorizedKey: locked.public });
    closers.push(() => server.close());
    const knownHosts = `[127.0.0.1]:${server.port} ${user.public}`;
    const url = `ssh://git@127.0.0.1:${server.port}/fleet.git`;
    const open = await connect(url, { ...access(knownHosts, locked.private), passphrase: "open" } as GitAccess);
    const shut = await connect(url, access(knownHosts, locked.private));

    expect(await open.listRefs(["refs/heads/"])).toHaveLength(1);
    await expect(shut.listRefs([])).rejects.toThrow("unable to read the SSH identity");
  });

  it("says that a repository is not there", async () => {
    const server = await start("ed25519");
    const remote = await connect(server.url("gone"), access(server.knownHosts));

    await expect(remote.listRefs([])).rejects.toMatchObject({ code: "RepositoryNotFound" });
  });
});
