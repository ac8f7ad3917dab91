import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";

import { prepareOpt } from "../../local/layers.ts";
import type { Deployment, Resource } from "../../local/template.ts";

const directory = mkdtempSync(path.join(tmpdir(), "driftless-layers-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const kubectlZip = path.join(directory, "kubectl.zip");
writeFileSync(kubectlZip, zip({ "kubectl/kubectl": "of the layer", "helm/helm": "of the layer" }));

const resource = (logicalId: string, type: string, properties: Resource["properties"]): Resource => ({
  ...{ stack: "test", logicalId, type, name: logicalId, arn: `arn:${logicalId}`, ref: logicalId, account: "1" },
  ...{ properties, metadata: {} },
});
const render = resource("Render", "AWS::Lambda::Function", { Layers: ["arn:Kubectl"] });
const layer = resource("Kubectl", "AWS::Lambda::LayerVersion", { Content: { S3Key: "kubectl.zip" } });
const deployment: Deployment = {
  resources: [render, layer],
  assets: new Map([["kubectl.zip", { path: kubectlZip, packaging: "file" }]]),
  outputs: new Map(),
  ofType: (...types) => [render, layer].filter(({ type }) => types.includes(type)),
};

/** A directory for PATH whose kubectl says nothing but its version. */
function ownKubectl(gitVersion: string): string {
  const own = path.join(directory, gitVersion);
  mkdirSync(own);
  const answer = JSON.stringify({ clientVersion: { gitVersion }, kustomizeVersion: "v5.8.1" });
  writeFileSync(path.join(own, "kubectl"), `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(path.join(own, "kubectl"), 0o755);
  return own;
}

describe("prepareOpt", () => {
  it("gives the layer's own binaries on x86-64 Linux", async () => {
    const opt = await prepareOpt(deployment, render, path.join(directory, "linux"), { platform: "linux", arch: "x64" });

    const kubectl = path.join(opt ?? "", "kubectl", "kubectl");
    expect(readFileSync(kubectl, "utf8")).toBe("of the layer");
    expect(statSync(kubectl).mode & 0o777).toBe(0o755);
    expect(existsSync(path.join(opt ?? "", "helm", "helm"))).toBe(true);
  });

  it.each([
    { platform: "darwin", arch: "arm64" },
    { platform: "linux", arch: "arm64" },
  ])("puts the kubectl found on PATH in the layer's place on $platform $arch", async (machine) => {
    const own = ownKubectl(`v1.36.3-${machine.platform}`);
    const state = path.join(directory, machine.platform + machine.arch);

    const opt = await prepareOpt(deployment, render, state, { ...machine, path: own });

    expect(readFileSync(path.join(opt ?? "", "kubectl", "kubectl"), "utf8")).toContain("v1.36.3");
    expect(existsSync(path.join(opt ?? "", "helm", "helm"))).toBe(true);
  });

  it("says what to install where there is none", async () => {
    const machine = { platform: "darwin", arch: "arm64", path: path.join(directory, "nowhere") };

    await expect(prepareOpt(deployment, render, path.join(directory, "none"), machine)).rejects.toThrow(
      "kubectl was not found on PATH: install kubectl 1.36 or newer",
    );
  });
});

/** A zip of executables, stored without compression. */
function zip(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt32LE(crc32(content), 10);
    shared.writeUInt32LE(content.length, 14);
    shared.writeUInt32LE(content.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(46);
    entry.write("PK\x01\x02", "latin1");
    entry.writeUInt16LE((3 << 8) | 20, 4);
    shared.copy(entry, 6);
    entry.writeUInt32LE((0o100755 << 16) >>> 0, 38);
    entry.writeUInt32LE(Buffer.concat(locals).length, 42);
    entries.push(entry, Buffer.from(name));
    locals.push(Buffer.from("PK\x03\x04", "latin1"), shared, Buffer.from(name), Buffer.from(content));
  }
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length / 2, 8);
  end.writeUInt16LE(entries.length / 2, 10);
  end.writeUInt32LE(Buffer.concat(entries).length, 12);
  end.writeUInt32LE(Buffer.concat(locals).length, 16);
  return Buffer.concat([...locals, ...entries, end]);
}
