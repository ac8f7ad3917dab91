/** Opens shares that the transit engine of HashiCorp Vault or OpenBao encrypted. */
import type { VaultRecipient } from "../recipients.ts";
import { type KeyHttp, postForFields, textField } from "./http.ts";
import { type KeyOpener, KeyRefused } from "./opener.ts";

export interface VaultLogin {
  /** The token for an address; `undefined` when none is meant for it. @throws KeyRefused */
  tokenFor(address: string): Promise<string | undefined>;
}

export function createVaultOpener(http: KeyHttp, login: VaultLogin): KeyOpener<"hc_vault"> {
  return {
    open: async (recipient) => {
      const url = urlOf(recipient);
      const token = await login.tokenFor(recipient.address);
      if (token === undefined) throw new KeyRefused("no Vault token is at hand for this address");
      const what = `Vault at ${url.origin}`;
      const headers = { "content-type": "application/json", "x-vault-token": token, "x-vault-request": "true" };
      const body = JSON.stringify({ ciphertext: recipient.enc });
      const fields = await postForFields(http, { url: url.href, headers, body }, what);
      const content = fields.data;
      if (typeof content !== "object" || content === null) throw new KeyRefused(`${what} gives an answer without data`);
      const plain = textField(content as Readonly<Record<string, unknown>>, "plaintext", what);
      return Buffer.from(plain, "base64");
    },
  };
}

/** @throws KeyRefused for an address that is none, or names that would lead to another path of the API */
function urlOf({ address, enginePath, keyName }: VaultRecipient): URL {
  const base = URL.canParse(address) ? new URL(address) : undefined;
  if (!base || !/^https?:$/.test(base.protocol)) throw new KeyRefused("its Vault address is no http(s) URL");
  if (base.username !== "" || base.password !== "") throw new KeyRefused("its Vault address holds credentials");
  const segments = [...enginePath.split("/").filter(Boolean), "decrypt", keyName];
  if (segments.some((segment) => segment === "." || segment === ".." || !/^[\w .~-]+$/.test(segment)))
    throw new KeyRefused("its engine path or key name holds characters that Vault does not know");
  const path = base.pathname.replace(/\/+$/, "");
  return new URL(`${base.origin}${path}/v1/${segments.map(encodeURIComponent).join("/")}`);
}
