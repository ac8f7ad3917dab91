import { beforeEach, describe, expect, it } from "vitest";

import { handleDelivery, type WebhookPorts } from "../../../shared/webhook/handle.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { createMemoryTable, type MemoryTable } from "../../fakes/memory-table.ts";

const keyOf = (name: string) => `one/source.toolkit.fluxcd.io/GitRepository/apps/${name}`;
const repository = {
  full_name: "Acme/Shop",
  clone_url: "https://github.com/Acme/Shop.git",
  ssh_url: "git@github.com:Acme/Shop.git",
  html_url: "https://github.com/Acme/Shop",
};

let table: MemoryTable;
let triggers: string[];
let unknown: string[];
let ports: WebhookPorts;
const clock = fakeClock();

const follow = async (name: string, branch: string, address = "github.com/acme/shop") =>
  await table.put({ pk: `URL#${address}`, sk: keyOf(name), v: 1, branch });
const handle = (payload: Readonly<Record<string, unknown>>, event = "push", delivery = "guid-1") =>
  handleDelivery({ kind: "event", event, delivery, payload }, ports);
const push = (ref: string) => ({ ref, repository });

beforeEach(async () => {
  table = createMemoryTable();
  triggers = [];
  unknown = [];
  ports = {
    table,
    clock,
    trigger: async (key, why, note) => {
      expect([why, note]).toEqual(["webhook", { pushedAt: clock.now() }]);
      triggers.push(key);
    },
    unknownRepository: (name) => void unknown.push(name),
  };
  await follow("main", "main");
  await follow("release", "release");
  await follow("tags", "*");
});

describe("a delivery", () => {
  it("that is a ping is answered and changes nothing", async () => {
    expect(await handle({}, "ping")).toEqual({ status: 200, message: "pong" });
    expect(table.itemAt({ pk: "DL#guid-1", sk: "META" })).toBeUndefined();
  });

  it.each([
    ["refs/heads/main", ["main", "tags"]],
    ["refs/heads/release", ["release", "tags"]],
    ["refs/heads/main-2", ["tags"]],
    ["refs/heads/feature/main", ["tags"]],
    ["refs/tags/v1.0.0", ["tags"]],
  ])("of a push to %s triggers the sources that may move", async (ref, names) => {
    expect(await handle(push(ref))).toEqual({ status: 202, message: `${names.length} sources triggered` });
    expect([...triggers].sort()).toEqual(names.map(keyOf));
    expect(unknown).toEqual([]);
  });

  it.each(["create", "delete", "repository"])(
    "of the event %s triggers all sources of the repository",
    async (event) => {
      expect(await handle({ ref: "v1", repository }, event)).toMatchObject({ message: "3 sources triggered" });
    },
  );

  it("finds a renamed repository under its former name", async () => {
    await follow("former", "main", "github.com/acme/store");
    await handle({ repository, changes: { repository: { name: { from: "Store" } } } }, "repository");
    expect(triggers).toContain(keyOf("former"));
    expect(triggers).toHaveLength(4);
  });

  it("of a repository that nobody follows is told and remembered", async () => {
    const other = { clone_url: "https://github.com/acme/none.git" };
    expect(await handle({ repository: other })).toEqual({ status: 202, message: "0 sources triggered" });
    expect(unknown).toEqual(["github.com/acme/none"]);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["issues", { repository }],
    ["", { repository }],
    ["push", {}],
    ["push", { repository: "acme/shop" }],
    ["push", { repository: { clone_url: 7 } }],
  ])("of the event '%s' with %j is nothing to do", async (event, payload) => {
    expect(await handle(payload, event)).toEqual({ status: 202, message: `nothing to do for event '${event}'` });
    expect(triggers).toEqual([]);
  });

  it("is handled once, and kept for three days", async () => {
    await handle(push("refs/heads/main"));
    expect(await handle(push("refs/heads/main"))).toEqual({
      status: 202,
      message: "this delivery was handled already",
    });
    expect(triggers).toHaveLength(2);
    const seconds = clock.now() / 1000;
    expect(table.itemAt({ pk: "DL#guid-1", sk: "META" })).toMatchObject({ handledAt: seconds, ttl: seconds + 259_200 });
    await handle(push("refs/heads/main"), "push", "guid-2");
    expect(triggers).toHaveLength(4);
  });

  it("whose triggers failed is handled again", async () => {
    const failing = { ...ports, trigger: () => Promise.reject(new Error("no queue")) };
    const delivery = { kind: "event" as const, event: "push", delivery: "guid-1", payload: push("refs/heads/main") };
    await expect(handleDelivery(delivery, failing)).rejects.toThrow("no queue");
    expect(await handleDelivery(delivery, ports)).toMatchObject({ message: "2 sources triggered" });
  });

  it("of a repository that many sources follow triggers sixteen at a time, and is not remembered before all", async () => {
    for (let i = 0; i < 50; i++) await follow(`many-${i}`, "main");
    let inFlight = 0;
    let most = 0;
    const slow: WebhookPorts["trigger"] = async (key) => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      expect(table.itemAt({ pk: "DL#guid-1", sk: "META" })).toBeUndefined();
      inFlight -= 1;
      triggers.push(key);
    };
    ports = { ...ports, trigger: slow };

    expect(await handle(push("refs/heads/main"))).toMatchObject({ message: "52 sources triggered" });

    expect(most).toBe(16);
    expect(new Set(triggers).size).toBe(52);
  });

  it("of whose triggers one failed is handled again as a whole", async () => {
    const failing: WebhookPorts["trigger"] = async (key, why, note) => {
      if (key === keyOf("tags")) throw new Error("no queue");
      await ports.trigger(key, why, note);
    };
    const delivery = { kind: "event" as const, event: "push", delivery: "guid-1", payload: push("refs/heads/main") };
    await expect(handleDelivery(delivery, { ...ports, trigger: failing })).rejects.toThrow("no queue");
    await handleDelivery(delivery, ports);
    expect(new Set(triggers)).toEqual(new Set([keyOf("main"), keyOf("tags")]));
  });

  it("without a number is handled every time", async () => {
    await handle(push("refs/heads/main"), "push", "");
    await handle(push("refs/heads/main"), "push", "");
    expect(triggers).toHaveLength(4);
  });
});
