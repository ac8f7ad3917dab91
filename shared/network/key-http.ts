/** HTTP to key services: no redirects, a short wait, answers of bounded size. */
import type { KeyHttp } from "../sops/keys/http.ts";

const timeoutMs = 10_000;
const answerLimitCharacters = 1_000_000;

export function createKeyHttp(): KeyHttp {
  return {
    post: async ({ url, headers, body }) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, { method: "POST", headers: { ...headers }, body, redirect: "manual", signal });
      return { status: response.status, body: (await response.text()).slice(0, answerLimitCharacters) };
    },
  };
}
