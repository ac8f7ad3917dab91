/** A KMS client with the process' own credentials, or with a role that they assume, as sops names the session. */
import { KMSClient } from "@aws-sdk/client-kms";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";

import { callAws } from "./aws-error.ts";

/** Fails over to another of a file's keys: nobody waits for one region. */
const attempts = 2;

export function kmsClientFor(region: string, role: string | undefined): KMSClient {
  if (role === undefined) return new KMSClient({ region, maxAttempts: attempts });
  const sts = new STSClient({ region, maxAttempts: attempts });
  return new KMSClient({ region, maxAttempts: attempts, credentials: () => assume(sts, role) });
}

async function assume(sts: STSClient, role: string) {
  const command = new AssumeRoleCommand({ RoleArn: role, RoleSessionName: "driftless-sops" });
  const { Credentials: given } = await callAws(`sts AssumeRole of ${role}`, () => sts.send(command));
  return {
    accessKeyId: given?.AccessKeyId ?? "",
    secretAccessKey: given?.SecretAccessKey ?? "",
    ...(given?.SessionToken === undefined ? {} : { sessionToken: given.SessionToken }),
    ...(given?.Expiration === undefined ? {} : { expiration: given.Expiration }),
  };
}
