/** Secrets that the engine makes for itself. Nobody sees them at deployment, and a stack made anew makes new ones. */
import { RemovalPolicy } from "aws-cdk-lib";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";

export class EngineSecrets extends Construct {
  /** Signs webhooks; the Git host holds it too. */
  readonly webhook: secretsmanager.Secret;
  /** Keys the digests of credentials, which tell whether two clusters may share a fetch. */
  readonly digest: secretsmanager.Secret;

  constructor(scope: Construct, id: string, { engine }: { readonly engine: string }) {
    super(scope, id);
    const create = (secretId: string, purpose: string) =>
      new secretsmanager.Secret(this, secretId, {
        description: `Driftless ${engine}: ${purpose}`,
        generateSecretString: { passwordLength: 48, excludePunctuation: true },
        removalPolicy: RemovalPolicy.DESTROY,
      });
    this.webhook = create("Webhook", "signs webhooks; give it to the Git host");
    this.digest = create("Digest", "keys the digests of Git credentials; never leaves the engine");
  }
}
