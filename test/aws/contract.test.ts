/**
 * Runs the emulators' contracts against an AWS account. Opt-in: `DRIFTLESS_CONTRACT_TARGET` names a JSON file with the
 * fields of `ContractTarget` (without `endpoint`), for resources made for this purpose; it writes to them.
 */
import { readFileSync } from "node:fs";

import { describe } from "vitest";

import { dynamoDbContract } from "../local/contract/dynamodb.ts";
import { keysAndSecretsContract } from "../local/contract/keys-and-secrets.ts";
import { s3Contract } from "../local/contract/s3.ts";
import { sqsContract } from "../local/contract/sqs.ts";
import type { ContractTarget } from "../local/contract/target.ts";

const file = process.env.DRIFTLESS_CONTRACT_TARGET;

describe.skipIf(file === undefined)("AWS", () => {
  const target = (): ContractTarget => JSON.parse(readFileSync(file ?? "", "utf8")) as ContractTarget;
  sqsContract(target);
  s3Contract(target);
  dynamoDbContract(target);
  keysAndSecretsContract(target);
});
