/** Puts the webhook together: secret, table and queues behind the rules of shared/webhook. */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { createEngine } from "../../shared/aws/engine.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { type Environment, requireVariable } from "../../shared/runtime/environment.ts";
import { handleDelivery } from "../../shared/webhook/handle.ts";
import { type Answer, verifyWebhook, type WebhookRequest } from "../../shared/webhook/verify.ts";

export function compose(environment: Environment): (request: WebhookRequest) => Promise<Answer> {
  const engine = createEngine(environment);
  const { clock, table, log, metrics, trigger } = engine;
  const secrets = createSecrets(new SecretsManagerClient({}), clock);
  const secretArn = requireVariable(environment, "DRIFTLESS_WEBHOOK_SECRET");

  /** A signature that does not fit may be one of a secret that was rotated a moment ago. */
  const verify = async (request: WebhookRequest) => {
    const verified = await verifyWebhook(request, [await secrets.get(secretArn)]);
    if (verified.kind === "event" || verified.answer.status !== 401) return verified;
    return verifyWebhook(request, [await secrets.get(secretArn, { refetch: true })]);
  };

  return async (request) => {
    const verified = await verify(request);
    if (verified.kind === "refused") {
      if (verified.answer.status === 401) metrics.signatureRejected();
      log("webhook refused", { status: verified.answer.status, message: verified.answer.message });
      return verified.answer;
    }
    const answer = await handleDelivery(verified, {
      table,
      clock,
      trigger,
      unknownRepository: metrics.unknownRepository,
    });
    log("webhook", { type: verified.event, delivery: verified.delivery, message: answer.message });
    return answer;
  };
}
