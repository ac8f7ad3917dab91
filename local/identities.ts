/** Access keys of this machine: which fake key belongs to which role's session, with its secret and its end. */
import { createHash, randomBytes } from "node:crypto";

import type { Clock } from "../shared/runtime/clock.ts";
import { AwsError, type Caller } from "./aws/protocol.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Absent for the operator's own key. */
  readonly sessionToken?: string;
  /** Milliseconds since the epoch; absent when it does not expire. */
  readonly expiresAt?: number;
}

export interface Identities {
  /** The person at the keyboard: the account's root, who may do everything. */
  readonly operator: Credentials;
  issue(role: { readonly roleArn: string; readonly session: string; readonly lifetimeSeconds?: number }): Credentials;
  /** @throws AwsError for an unknown key, a wrong token or an expired session. */
  find(accessKeyId: string, sessionToken: string | undefined): { readonly caller: Caller; readonly secret: string };
}

export function createIdentities(account: string, clock: Clock): Identities {
  const keys = new Map<string, { readonly credentials: Credentials; readonly caller: Caller }>();
  const operator: Credentials = {
    accessKeyId: `AKIA${randomId(16)}`,
    secretAccessKey: randomBytes(30).toString("base64"),
  };
  keys.set(operator.accessKeyId, {
    credentials: operator,
    caller: { arn: `arn:aws:iam::${account}:root`, account, userId: account },
  });

  return {
    operator,
    issue({ roleArn, session, lifetimeSeconds }) {
      const credentials: Credentials = {
        accessKeyId: `ASIA${randomId(16)}`,
        secretAccessKey: randomBytes(30).toString("base64"),
        sessionToken: randomBytes(48).toString("base64"),
        ...(lifetimeSeconds === undefined ? {} : { expiresAt: clock.now() + lifetimeSeconds * 1000 }),
      };
      keys.set(credentials.accessKeyId, { credentials, caller: sessionCaller(roleArn, session) });
      return credentials;
    },
    find(accessKeyId, sessionToken) {
      const key = keys.get(accessKeyId);
      if (key === undefined || key.credentials.sessionToken !== sessionToken) {
        throw new AwsError(
          "UnrecognizedClientException",
          403,
          "The security token included in the request is invalid.",
        );
      }
      if (key.credentials.expiresAt !== undefined && clock.now() >= key.credentials.expiresAt) {
        throw new AwsError("ExpiredTokenException", 403, "The security token included in the request is expired");
      }
      return { caller: key.caller, secret: key.credentials.secretAccessKey };
    },
  };
}

/** How a session of a role looks to AWS: the role's path is left out of the session's ARN. */
export function sessionCaller(roleArn: string, session: string): Caller {
  const account = roleArn.split(":")[4] ?? "";
  const name = roleArn.slice(roleArn.lastIndexOf("/") + 1);
  const roleId = `AROA${createHash("sha256").update(roleArn).digest("hex").slice(0, 17).toUpperCase()}`;
  return {
    ...{ roleArn, account, userId: `${roleId}:${session}` },
    arn: `arn:aws:sts::${account}:assumed-role/${name}/${session}`,
  };
}

const randomId = (length: number): string => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return [...randomBytes(length)].map((byte) => alphabet[byte % 32]).join("");
};
