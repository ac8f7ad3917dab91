/** Secrets of AWS Secrets Manager, kept in memory for five minutes. */
import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import type { Clock } from "../runtime/clock.ts";
import { AwsError, callAws } from "./aws-error.ts";

export interface Secrets {
  /** `refetch` skips the memory: after a signature did not fit, the secret may have been rotated. @throws AwsError */
  get(arn: string, options?: { readonly refetch?: boolean }): Promise<string>;
}

const KEEP_MS = 5 * 60_000;
/** A flood of wrong signatures must not become a flood of requests. */
const REFETCH_AT_MOST_EVERY_MS = 5_000;

export function createSecrets(client: SecretsManagerClient, clock: Clock): Secrets {
  const kept = new Map<string, { readonly value: string; readonly fetchedAt: number }>();
  return {
    get: async (arn, { refetch = false } = {}) => {
      const known = kept.get(arn);
      const keep = refetch ? REFETCH_AT_MOST_EVERY_MS : KEEP_MS;
      if (known && clock.now() - known.fetchedAt < keep) return known.value;
      const fetchedAt = clock.now();
      const value = await fetchSecret(client, arn);
      kept.set(arn, { value, fetchedAt });
      return value;
    },
  };
}

async function fetchSecret(client: SecretsManagerClient, arn: string): Promise<string> {
  const command = new GetSecretValueCommand({ SecretId: arn });
  const { SecretString: value } = await callAws(`secretsmanager GetSecretValue of ${arn}`, () => client.send(command));
  if (value === undefined || value === "") {
    throw new AwsError("refused", `secret ${arn} holds no text: store the value as a secret string`);
  }
  return value;
}
