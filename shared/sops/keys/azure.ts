/** Opens shares that Azure Key Vault encrypted, by its REST API and a service principal. */
import { type KeyHttp, postForFields, textField } from "./http.ts";
import { type KeyOpener, KeyRefused } from "./opener.ts";

export interface AzureCredentials {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** `https://login.microsoftonline.com` unless the cloud is a national one. */
  readonly authorityHost?: string;
}

const apiVersion = "7.4";

/** A token is meant for one cloud's vaults: it must not be sent elsewhere because a file says so. */
const vaultHosts = /^[a-z0-9-]+\.((?:vault\.azure\.(?:net|cn))|vault\.usgovcloudapi\.net|managedhsm\.azure\.net)$/;
const authorityHosts = /^login\.(?:microsoftonline\.(?:com|us)|chinacloudapi\.cn|partner\.microsoftonline\.cn)$/;

export function createAzureOpener(http: KeyHttp, credentials: AzureCredentials | undefined): KeyOpener<"azure_kv"> {
  return {
    open: async ({ vaultUrl, name, version, enc }) => {
      if (!credentials) throw new KeyRefused("no Azure credentials are at hand");
      const { origin, audience } = vaultOf(vaultUrl);
      if (![name, version].every((part) => /^[A-Za-z0-9-]+$/.test(part)))
        throw new KeyRefused("its key name or version holds characters that Key Vault does not know");
      const token = await fetchToken(http, credentials, `https://${audience}/.default`);
      const what = `Azure Key Vault at ${origin}`;
      const fields = await postForFields(
        http,
        {
          url: `${origin}/keys/${name}/${version}/decrypt?api-version=${apiVersion}`,
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
          body: JSON.stringify({ alg: "RSA-OAEP-256", value: enc }),
        },
        what,
      );
      return Buffer.from(textField(fields, "value", what), "base64url");
    },
  };
}

function vaultOf(vaultUrl: string): { readonly origin: string; readonly audience: string } {
  const url = URL.canParse(vaultUrl) ? new URL(vaultUrl) : undefined;
  const audience = vaultHosts.exec(url?.hostname ?? "")?.[1];
  if (url?.protocol !== "https:" || audience === undefined || url.port !== "")
    throw new KeyRefused("its vault_url is not the https address of an Azure Key Vault");
  return { origin: url.origin, audience };
}

async function fetchToken(http: KeyHttp, credentials: AzureCredentials, scope: string): Promise<string> {
  const { tenantId, clientId, clientSecret, authorityHost = "https://login.microsoftonline.com" } = credentials;
  const host = URL.canParse(authorityHost) ? new URL(authorityHost) : undefined;
  if (host?.protocol !== "https:" || !authorityHosts.test(host.hostname) || !/^[\w.-]+$/.test(tenantId))
    throw new KeyRefused("the Azure credentials name a tenant or authority that is none");
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret, scope };
  const what = `Azure sign-in at ${host.origin}`;
  const fields = await postForFields(
    http,
    {
      url: `${host.origin}/${tenantId}/oauth2/v2.0/token`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(form).toString(),
    },
    what,
  );
  return textField(fields, "access_token", what);
}
