import { describe, expect, it } from "vitest";

import { evaluateAlarms } from "../../local/alarms.ts";
import { evaluateMath } from "../../local/metric-math.ts";
import { createMetricStore } from "../../local/metrics.ts";
import type { Resource } from "../../local/template.ts";

const now = 1_700_000_000_000;

function alarm(properties: Record<string, unknown>, type = "AWS::CloudWatch::Alarm", name = "Alarm"): Resource {
  return {
    stack: "test",
    logicalId: name,
    type,
    name,
    arn: `arn:aws:cloudwatch:::alarm:${name}`,
    ref: name,
    account: "1",
    properties,
    metadata: {},
  };
}

const base = {
  EvaluationPeriods: 2,
  DatapointsToAlarm: 2,
  Threshold: 1,
  ComparisonOperator: "GreaterThanOrEqualToThreshold",
  TreatMissingData: "notBreaching",
};
const drift = {
  ...base,
  Metrics: [
    {
      Id: "e",
      Expression: 'SELECT MAX(EngineFrozen) FROM SCHEMA("Driftless", Cluster) GROUP BY Cluster',
      Period: 300,
    },
  ],
};

function store(...points: readonly (readonly [cluster: string, secondsAgo: number, value: number])[]) {
  const metrics = createMetricStore();
  for (const [Cluster, ago, value] of points) {
    metrics.recordLine(
      JSON.stringify({
        _aws: {
          Timestamp: now - ago * 1000,
          CloudWatchMetrics: [
            { Namespace: "Driftless", Dimensions: [["Cluster"]], Metrics: [{ Name: "EngineFrozen" }] },
          ],
        },
        ...{ Cluster, EngineFrozen: value },
      }),
    );
  }
  return metrics;
}

const state = (metrics: ReturnType<typeof store>, ...alarms: readonly Resource[]) =>
  evaluateAlarms(alarms, metrics, now).map((each) => each.state);

describe("evaluateAlarms", () => {
  it("rings when one group breaches in as many periods as it takes", () => {
    expect(state(store(["a", 10, 3], ["a", 310, 1], ["b", 10, 0]), alarm(drift))).toEqual(["ALARM"]);
    expect(state(store(["a", 10, 3], ["b", 310, 3]), alarm(drift))).toEqual(["OK"]);
    expect(state(store(), alarm(drift))).toEqual(["OK"]);
  });

  it("treats silence as the alarm says", () => {
    const silent = {
      ...base,
      Namespace: "AWS/Lambda",
      MetricName: "Invocations",
      Statistic: "Sum",
      Period: 60,
      Dimensions: [],
    };
    expect(state(store(), alarm({ ...silent, TreatMissingData: "breaching" }))).toEqual(["ALARM"]);
    expect(state(store(), alarm({ ...silent, TreatMissingData: "missing" }))).toEqual(["INSUFFICIENT_DATA"]);
  });

  it("rings a composite with one of its alarms", () => {
    const composite = alarm(
      { AlarmRule: '(ALARM("arn:aws:cloudwatch:::alarm:Alarm") OR ALARM("Alarm"))' },
      "AWS::CloudWatch::CompositeAlarm",
      "All",
    );
    expect(state(store(["a", 10, 3], ["a", 310, 1]), alarm(drift), composite)).toEqual(["ALARM", "ALARM"]);
    expect(state(store(), alarm(drift), composite)).toEqual(["OK", "OK"]);
  });

  it("says of an expression it cannot evaluate that it cannot", () => {
    const [given] = evaluateAlarms(
      [alarm({ ...base, Metrics: [{ Id: "e", Expression: "ANOMALY_DETECTION_BAND(m)" }] })],
      store(),
      now,
    );
    expect(given).toMatchObject({
      state: "INSUFFICIENT_DATA",
      reason: expect.stringContaining("is not evaluated on this machine") as string,
    });
  });
});

describe("evaluateMath", () => {
  const values: Readonly<Record<string, number>> = { a: 6, b: 2 };
  it.each([
    ["a + b * 2", 10],
    ["(a + b) / 2", 4],
    ["a - b - 1", 3],
    ["MAX([a, b, absent])", 6],
    ["SUM([a, b])", 8],
    ["FILL(absent, 0) + a", 6],
    ["a / absent", undefined],
  ])("computes %s", (expression, expected) => {
    expect(evaluateMath(expression, (id) => values[id])).toBe(expected);
  });
});
