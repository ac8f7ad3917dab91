/** Hides the values of a Secret in a diff, as Flux does: one sees that a value changes, not which. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";
import { sopsMask } from "../local-build/mask-sops.ts";

interface Pair {
  readonly live: KubeObject;
  readonly merged: KubeObject;
}

type Values = Readonly<Record<string, unknown>>;

/** Undefined when only ciphertext differs, of which nothing can be told here: only its keys are compared. */
export function maskSecret(desired: KubeObject, live: KubeObject, merged: KubeObject): Pair | undefined {
  if (desired.kind !== "Secret") return { live, merged };
  const [before, after] = [dataOf(live), dataOf(merged)];
  const isEncrypted = Object.values(dataOf(desired)).some(
    (value) => typeof value === "string" && Buffer.from(value, "base64").toString("utf8").includes(sopsMask),
  );
  if (isEncrypted) {
    const sameKeys = Object.keys(before).sort().join("\n") === Object.keys(after).sort().join("\n");
    return sameKeys ? undefined : withData({ live, merged }, hidden(before), hidden(after));
  }
  const mask = (values: Values, others: Values, changed: string): Values =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, key in others && others[key] !== value ? changed : "***"]),
    );
  return withData({ live, merged }, mask(before, after, "*** (before)"), mask(after, before, "*** (after)"));
}

const dataOf = ({ data }: KubeObject): Values => (isRecord(data) ? data : {});

const hidden = (values: Values): Values => Object.fromEntries(Object.keys(values).map((key) => [key, "*****"]));

function withData({ live, merged }: Pair, before: Values, after: Values): Pair {
  const set = (object: KubeObject, data: Values): KubeObject => (isRecord(object.data) ? { ...object, data } : object);
  return { live: set(live, before), merged: set(merged, after) };
}
