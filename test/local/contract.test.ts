/** Runs the contracts of `contract/` against the emulators; `test/aws` runs the same against an account. */
import { afterAll, beforeAll, describe } from "vitest";

import { type TestLocal, startTestLocal } from "./assembly.ts";
import { dynamoDbContract } from "./contract/dynamodb.ts";
import { keysAndSecretsContract } from "./contract/keys-and-secrets.ts";
import { s3Contract } from "./contract/s3.ts";
import { sqsContract } from "./contract/sqs.ts";
import type { ContractTarget } from "./contract/target.ts";

describe("the emulators", () => {
  let local: TestLocal;
  beforeAll(async () => {
    local = await startTestLocal();
  });
  afterAll(() => local.stop());

  const target = (): ContractTarget => ({
    ...{ endpoint: local.gatewayUrl, region: local.region, credentials: local.operator },
    ...{ queueUrl: local.output("SideUrl"), deadLetterUrl: local.output("DeadUrl") },
    ...{ bucket: local.output("BucketName"), table: local.output("TableName") },
    ...{ keyId: local.output("KeyArn"), macKeyId: local.output("MacKeyArn"), secretId: local.output("SecretArn") },
  });
  sqsContract(target);
  s3Contract(target);
  dynamoDbContract(target);
  keysAndSecretsContract(target);
});
