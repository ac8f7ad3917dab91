/** What the engine remembers: one table, one bucket, and the key that encrypts the bucket. Removing the stack keeps them. */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as kms from "aws-cdk-lib/aws-kms";
import * as s3 from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";

import { indexKeys } from "../../shared/lease/ports.ts";

export class Store extends Construct {
  readonly table: dynamodb.TableV2;
  readonly bucket: s3.Bucket;
  readonly key: kms.Key;

  constructor(scope: Construct, id: string, { engine }: { readonly engine: string }) {
    super(scope, id);
    this.key = new kms.Key(this, "Key", {
      alias: `driftless-${engine}`,
      description: `Driftless ${engine}: artifacts and state at rest`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.table = createTable(this);
    this.bucket = createBucket(this, this.key);
  }
}

function createTable(scope: Construct): dynamodb.TableV2 {
  const string = (name: string): dynamodb.Attribute => ({ name, type: dynamodb.AttributeType.STRING });
  return new dynamodb.TableV2(scope, "Table", {
    partitionKey: string("pk"),
    sortKey: string("sk"),
    billing: dynamodb.Billing.onDemand(),
    globalSecondaryIndexes: Object.entries(indexKeys).map(([indexName, { pk, sk }]) => ({
      indexName,
      partitionKey: string(pk),
      sortKey: string(sk),
      projectionType: dynamodb.ProjectionType.ALL,
    })),
    timeToLiveAttribute: "ttl",
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

function createBucket(scope: Construct, encryptionKey: kms.IKey): s3.Bucket {
  return new s3.Bucket(scope, "Bucket", {
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: s3.BucketEncryption.KMS,
    encryptionKey,
    bucketKeyEnabled: true,
    enforceSSL: true,
    versioned: true,
    lifecycleRules: [
      {
        // What render hands over is deleted once read; this is for runs that died in between.
        id: "handoff",
        prefix: "handoff/",
        expiration: Duration.days(1),
        noncurrentVersionExpiration: Duration.days(1),
      },
      {
        id: "noncurrent",
        noncurrentVersionExpiration: Duration.days(30),
        abortIncompleteMultipartUploadAfter: Duration.days(1),
      },
    ],
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
