/** Receives GitHub's webhooks over the HTTP API or a function URL (payload format 2.0). */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";

import { compose } from "./compose.ts";

const receive = compose(process.env);

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  const answer = await receive({ headers: event.headers, body });
  return {
    statusCode: answer.status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message: answer.message }),
  };
}
