/** Takes ciphertext out of Secrets before they are shown, as Flux's CLI does: nothing is decrypted on this machine. */
import type { KubeObject } from "../../shared/api/kube-object.ts";
import { isRecord } from "../../shared/api/schema.ts";

export const sopsMask = "**SOPS**";
const maskedJson = JSON.stringify({ mask: sopsMask });

type Values = Readonly<Record<string, unknown>>;

/** @throws Error naming the Secret when a value of its data is no base64 */
export function maskSops(object: KubeObject): KubeObject {
  if (object.kind !== "Secret") return object;
  const isEncrypted =
    isRecord(object.sops) && typeof object.sops.mac === "string" && object.sops.mac.startsWith("ENC[");
  const { sops: _, ...rest } = object;
  const plain: KubeObject = isEncrypted
    ? { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata }
    : object;
  const isDocker = object.type === "kubernetes.io/dockerconfigjson";
  const whole = isDocker ? maskedJson : sopsMask;
  const { data, stringData } = object;
  return {
    ...plain,
    ...(isRecord(data) ? { data: isEncrypted ? all(data, encode(whole)) : maskFiles(object, data) } : {}),
    ...(isRecord(stringData) && Object.keys(stringData).length > 0
      ? { stringData: isEncrypted ? all(stringData, whole) : maskTexts(stringData) }
      : {}),
  };
}

const all = (values: Values, mask: string): Values => Object.fromEntries(Object.keys(values).map((key) => [key, mask]));

/** Files that were encrypted as a whole and became values of a Secret. */
function maskFiles(object: KubeObject, values: Values): Values {
  return mapTexts(values, (text) => {
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replace(/[\r\n]/g, "")))
      throw new Error(`failed to mask secret ${object.metadata.name} sops data: illegal base64 data`);
    return isCiphertext(Buffer.from(text, "base64").toString("utf8")) ? encode(sopsMask) : text;
  });
}

/** Flux writes the mask in base64 here, although stringData has none. */
const maskTexts = (values: Values): Values =>
  mapTexts(values, (text) => (isCiphertext(text) ? encode(sopsMask) : text));

const mapTexts = (values: Values, map: (text: string) => string): Values =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? map(value) : value]),
  );

const isCiphertext = (text: string): boolean => text.includes("sops") && text.includes("ENC[");

const encode = (text: string): string => Buffer.from(text, "utf8").toString("base64");
