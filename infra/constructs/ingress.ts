/** The door for webhooks: an HTTP API with a throttle, or the function's own URL where an account prefers that. */
import { Fn, RemovalPolicy } from "aws-cdk-lib";
import * as apigateway from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

export interface WebhookIngressProps {
  readonly engine: string;
  readonly webhook: lambda.Function;
  /** A function URL instead of the HTTP API. It has no throttle of its own. */
  readonly functionUrl: boolean;
}

/** Requests a second. A push is one request; a monorepo's CI at full speed stays far below. */
const throttle = { rateLimit: 50, burstLimit: 100 };

export class WebhookIngress extends Construct {
  /** Base URL without a slash at its end. */
  readonly url: string;

  constructor(scope: Construct, id: string, { engine, webhook, functionUrl }: WebhookIngressProps) {
    super(scope, id);
    this.url = functionUrl ? createFunctionUrl(webhook) : createHttpApi(this, engine, webhook);
  }
}

function createFunctionUrl(webhook: lambda.Function): string {
  const { url } = webhook.addFunctionUrl({ authType: lambda.FunctionUrlAuthType.NONE });
  // CloudFormation's attribute ends in a slash: https://<id>.lambda-url.<region>.on.aws/
  return `https://${Fn.select(2, Fn.split("/", url))}`;
}

function createHttpApi(scope: Construct, engine: string, webhook: lambda.Function): string {
  const api = new apigateway.HttpApi(scope, "Api", {
    apiName: `driftless-${engine}`,
    description: "Webhooks of Git hosts and Flux Receivers",
    createDefaultStage: false,
  });
  const integration = new HttpLambdaIntegration("Webhook", webhook);
  for (const path of ["/github", "/hook/{id}"]) {
    api.addRoutes({ path, methods: [apigateway.HttpMethod.POST], integration });
  }
  const stage = new apigateway.HttpStage(scope, "Stage", {
    httpApi: api,
    stageName: "$default",
    autoDeploy: true,
    throttle,
    accessLogSettings: { destination: new apigateway.LogGroupLogDestination(accessLog(scope, engine)) },
  });
  return stage.url.replace(/\/$/, "");
}

function accessLog(scope: Construct, engine: string): logs.LogGroup {
  return new logs.LogGroup(scope, "AccessLog", {
    logGroupName: `/driftless/${engine}/access`,
    retention: logs.RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}
