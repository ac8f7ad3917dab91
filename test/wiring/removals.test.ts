/** A permission that is missing fails here and not in production: three rights taken away, each named when it is missed. */
import { afterEach, describe, expect, it } from "vitest";

import { freePort, startWiring, type Wiring } from "./start.ts";

let wiring: Wiring | undefined;

afterEach(async ({ task }) => {
  if (task.result?.state === "fail")
    console.error(
      wiring?.logs
        .slice(-30)
        .map((line) => line.slice(0, 400))
        .join("\n"),
    );
  await wiring?.stop();
  wiring = undefined;
});

describe("a right that is missing", () => {
  it.each([
    { role: "sweep", action: "dynamodb:UpdateItem" },
    { role: "source", action: "s3:PutObject" },
    { role: "reconcile", action: "lambda:InvokeFunction" },
  ])(
    "is named with its role: $role without $action",
    async ({ role, action }) => {
      wiring = await startWiring(await freePort(), { role, action });
      const { aws } = wiring;
      await aws.tick();
      const refused = () =>
        Object.entries(aws.grants()).flatMap(([arn, { denied }]) =>
          denied.map((refusal) => `${arn} ${refusal.action}`),
        );
      await expect
        .poll(refused, { timeout: 60_000 })
        .toContain(`arn:aws:iam::111122223333:role/driftless/functions/driftless-test-${role} ${action}`);
    },
    120_000,
  );
});
