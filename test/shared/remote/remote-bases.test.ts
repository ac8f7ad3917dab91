/** Remote bases through the engine's own clients, beside kustomize itself, which fetches with git and its HTTP client. */
import { afterAll, describe, expect, it } from "vitest";

import { temporaryDirectory } from "../render/tools.ts";
import { createRemoteWorld } from "./remote-world.ts";

const world = await createRemoteWorld(temporaryDirectory());
afterAll(() => world.close());
const { server, repository, files } = world;

const configMap = (name: string, value = "one"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: ${value}\n`;
const fifo = "sortOptions: {order: fifo}\n";

repository.commit({
  "apps/kustomization.yaml":
    "resources: [../lib, web.yaml]\nnamePrefix: base-\nconfigMapGenerator: [{name: g, files: [a.conf]}]\n",
  "apps/web.yaml": configMap("web"),
  "apps/a.conf": "a = 1\n",
  "lib/kustomization.yaml": "resources: [lib.yaml]\n",
  "lib/lib.yaml": configMap("lib"),
  "component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n",
  "outside/kustomization.yaml": "resources: [../lib/lib.yaml]\n",
  "escape/kustomization.yaml": "resources: [../../../apps]\n",
  "nested/kustomization.yaml": `resources: ['${server.url}/bases.git//lib?ref=v1', '${server.url}/files/two.yaml']\n`,
  ".sourceignore": "/*\n",
});
repository.git("tag", "v1");
repository.git("tag", "-a", "-m", "two", "v2");
repository.git("branch", "v2", "main");
const commit = repository.git("rev-parse", "main");
repository.commit({ "apps/web.yaml": configMap("web", "two") });
files.set("/files/one.yaml", { body: configMap("one"), etag: '"1"' });
files.set("/files/two.yaml", { body: `${configMap("two")}---\n${configMap("three")}` });
files.set("/files/patch.yaml", { body: configMap("local", "patched") });
files.set("/files/settings.conf", { body: "x = 1\n" });
files.set("/files/page", { body: "<html>\nkind: of a page\n</html>" });
files.set("/bases.git//apps", { body: "<html></html>" });

const git = (suffix: string) => `${server.url}/bases.git${suffix}`;

describe("a build with remote bases is what kustomize makes of it", () => {
  it.each<[string, string]>([
    ["a directory at a tag", `resources: ['${git("//apps?ref=v1")}']`],
    ["an annotated tag, before the branch of that name", `resources: ['${git("//apps?ref=v2")}']`],
    ["a branch", `resources: ['${git("//apps?ref=main")}']`],
    ["a full ref", `resources: ['${git("//apps?ref=refs/heads/main")}']`],
    ["a commit", `resources: ['${git(`//apps?ref=${commit}`)}']`],
    ["no ref", `resources: ['${git("/apps")}']`],
    ["two directories of one repository", `resources: ['${git("//apps?ref=v1")}', '${git("//lib?ref=v1")}']`],
    ["the field bases", `bases: ['${git("//apps?ref=v1")}']`],
    ["a component", `resources: [a.yaml]\ncomponents: ['${git("//component?ref=v1")}']`],
    ["a file", `resources: ['${server.url}/files/one.yaml']`],
    ["a file of several objects, and one of the artifact", `resources: ['${server.url}/files/two.yaml', a.yaml]`],
    ["a file that has moved to another host", `resources: ['${server.url}/moved/files/one.yaml']`],
    ["a base that has remote bases", `resources: ['${git("//nested?ref=v1")}']`],
    ["a remote patch", `resources: [a.yaml]\npatches: [{path: '${server.url}/files/patch.yaml'}]`],
    ["a strategic merge patch", `resources: [a.yaml]\npatchesStrategicMerge: ['${server.url}/files/patch.yaml']`],
    ["a generator's file", `configMapGenerator: [{name: g, files: ['${server.url}/files/settings.conf']}]`],
    [
      "a generator's file with a key",
      `configMapGenerator: [{name: g, files: ['k=${server.url}/files/settings.conf']}]`,
    ],
    [
      "origins",
      `buildMetadata: [originAnnotations]\nresources: ['${git("//nested?ref=v1")}', '${git("//apps?ref=main")}']`,
    ],
    ["changes over it", `namePrefix: x-\nnamespace: team\nresources: ['${git("//apps?ref=v1")}']`],
  ])("%s", async (_, kustomization) => {
    const tree = { "apps/kustomization.yaml": `${fifo}${kustomization}\n`, "apps/a.yaml": configMap("local") };

    // Flux's own: it asks for it wherever there are no resources.
    const asked = /^resources:/m.test(kustomization) ? "" : "buildMetadata: [originAnnotations]\n";
    const theirTree = { ...tree, "apps/kustomization.yaml": `${asked}${tree["apps/kustomization.yaml"]}` };

    const [ours, theirs] = await Promise.all([world.build(tree), world.kustomize(theirTree)]);

    expect(ours).toMatchObject({ kind: "built", yaml: theirs });
  });

  it.each<[string, string, RegExp, RegExp]>([
    ["a file above the kustomization", git("//outside?ref=v1"), /security; .* is not in or below/, /security; file/],
    ["a directory above the repository", git("//escape?ref=v1"), /outside of the remote base/, /escape/],
    ["a directory that is not there", git("//gone?ref=v1"), /has no directory gone/, /gone/],
    ["a ref that is not there", git("//apps?ref=v9"), /couldn't find remote ref v9/, /couldn't find remote ref v9/],
    ["a file that is not there", `${server.url}/gone`, /status code 404/, /status code 404/],
    ["a page", `${server.url}/files/page`, /it answers no manifests/, /./],
  ])("is refused by both: %s", async (_, url, ours, theirs) => {
    const tree = { "apps/kustomization.yaml": `resources: ['${url}']\n` };

    await expect(world.build(tree)).rejects.toThrow(ours);
    await expect(world.kustomize(tree)).rejects.toThrow(theirs);
  });
});

describe("a remote base that is looked at again", () => {
  it("costs one conditional request while the file is the same", async () => {
    const tree = { "apps/kustomization.yaml": `resources: ['${server.url}/files/one.yaml']\nnamePrefix: again-\n` };
    const { closure } = await world.build(tree);
    world.answers.splice(0);

    expect(await world.build(tree, closure)).toEqual({ kind: "unchanged", closure, moving: true });
    expect(world.answers).toEqual(["304 /files/one.yaml"]);
  });

  it("costs one ls-refs while the branch is the same", async () => {
    const tree = { "apps/kustomization.yaml": `resources: ['${git("//apps?ref=main")}']\nnamePrefix: again-\n` };
    const { closure } = await world.build(tree);
    server.requests.splice(0);

    expect(await world.build(tree, closure)).toEqual({ kind: "unchanged", closure, moving: true });
    expect(server.requests).toEqual(["POST /bases.git/git-upload-pack"]);
  });

  it("costs nothing when it is a commit", async () => {
    const tree = { "apps/kustomization.yaml": `resources: ['${git(`//apps?ref=${commit}`)}']\nnamePrefix: again-\n` };
    const { closure } = await world.build(tree);
    server.requests.splice(0);

    expect(await world.build(tree, closure)).toEqual({ kind: "unchanged", closure, moving: false });
    expect(server.requests).toEqual([]);
  });

  it("is built anew when it moved, and not when what moved is not read", async () => {
    const tree = { "apps/kustomization.yaml": `resources: ['${git("//lib?ref=main")}']\n` };
    const { closure } = await world.build(tree);
    repository.commit({ "apps/web.yaml": configMap("web", "three") });
    expect(await world.build(tree, closure)).toMatchObject({ closure });

    repository.commit({ "lib/lib.yaml": configMap("lib", "moved") });
    expect(await world.build(tree, closure)).toMatchObject({
      kind: "built",
      yaml: configMap("lib", "moved").replace(/(apiVersion.*\n)(kind.*\n)(metadata:\n.*\n)(data:\n.*\n)/, "$1$4$2$3"),
    });
  });
});

describe("only public addresses", () => {
  it.each([
    ["https://127.0.0.1/a.yaml", /127.0.0.1 is not on the public internet/],
    ["https://localhost/a.yaml", /localhost is not on the public internet/],
    ["https://169.254.169.254/latest/meta-data", /169.254.169.254 is not on the public internet/],
    ["https://[::ffff:7f00:1]/a.yaml", /not on the public internet/],
    ["http://example.com/a.yaml", /only https:\/\/ is/],
    ["https://localhost/org/repo.git//a", /localhost is not on the public internet/],
    ["git@example.com:org/repo", /there is no credential to show/],
    ["file:///etc//x", /only https:\/\/ is fetched/],
  ])("refuses %s", async (url, message) => {
    const careful = await createRemoteWorld(temporaryDirectory(), "internet");
    try {
      await expect(careful.build({ "apps/kustomization.yaml": `resources: ['${url}']\n` })).rejects.toThrow(message);
    } finally {
      await careful.close();
    }
  });
});
