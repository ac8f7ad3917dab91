/** Takes an unusable CA out of a definition: since Kubernetes 1.31 the API server refuses it, and Flux leaves it out. */
import { X509Certificate } from "node:crypto";

import type { KubeObject } from "../api/kube-object.ts";

interface Webhook {
  readonly clientConfig?: { readonly caBundle?: unknown };
}

/** The CA that cert-manager or a controller puts in later is commonly a placeholder in Git. */
export function withoutInvalidCaBundle(definition: KubeObject): KubeObject {
  const spec = definition.spec as { conversion?: { webhook?: Webhook } } | undefined;
  const webhook = spec?.conversion?.webhook;
  const { caBundle, ...clientConfig } = webhook?.clientConfig ?? {};
  if (typeof caBundle !== "string" || caBundle === "" || isUsable(caBundle)) return definition;
  const conversion = { ...spec?.conversion, webhook: { ...webhook, clientConfig } };
  return { ...definition, spec: { ...spec, conversion } };
}

/** Base64 of PEM with at least one certificate that can be read. */
function isUsable(caBundle: string): boolean {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(caBundle)) return false;
  const pem = Buffer.from(caBundle, "base64").toString("utf8");
  if (pem === "") return true;
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.some((block) => {
    try {
      return new X509Certificate(block).validTo !== "";
    } catch {
      return false;
    }
  });
}
