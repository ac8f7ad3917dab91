/** The way in from outside: the template's HTTP API or function URL, as events of format 2.0. */
import { randomUUID } from "node:crypto";
import { type IncomingMessage, createServer } from "node:http";

import type { Clock } from "../shared/runtime/clock.ts";
import type { Authorizer } from "./authorizer.ts";
import type { LocalFunction } from "./functions.ts";
import { type Json, isRecord, optionalRecord, optionalText, text } from "./json.ts";
import { closeServer, headersOf, listenOnLoopback } from "./loopback.ts";
import type { Deployment, Resource } from "./template.ts";

export interface Ingress {
  readonly url: string;
  close(): Promise<void>;
}

export interface Route {
  /** `*` for any. */
  readonly method: string;
  /** Path with `{name}` and `{name+}`; `$default` takes what no other route takes. */
  readonly path: string;
  readonly functionArn: string;
  /** ARN that the function's permission is compared with; undefined for a function URL. */
  readonly sourceArn: string | undefined;
}

/** API Gateway refuses more; a function URL has Lambda's 6 MB. */
const maximumBodyBytes = 10 * 1024 * 1024;

/** Reads the routes of the template's HTTP APIs; without any, its function URLs. */
export function readRoutes(deployment: Deployment, region: string): readonly Route[] {
  const routes = deployment.ofType("AWS::ApiGatewayV2::Route").map((route): Route => {
    const apiId = text(route.properties.ApiId, `api of ${route.logicalId}`);
    const key = text(route.properties.RouteKey, `key of ${route.logicalId}`);
    const [method, path] = key === "$default" ? ["ANY", "$default"] : key.split(" ");
    const executed = key === "$default" ? "$default" : `${method === "ANY" ? "*" : (method ?? "*")}${path ?? ""}`;
    return {
      method: method === "ANY" ? "*" : (method ?? "*"),
      path: path ?? "$default",
      functionArn: integrationTarget(deployment, route),
      sourceArn: `arn:aws:execute-api:${region}:${route.account}:${apiId}/$default/${executed}`,
    };
  });
  if (routes.length > 0) return routes;
  return deployment
    .ofType("AWS::Lambda::Url")
    .map(({ arn }): Route => ({ method: "*", path: "$default", functionArn: arn, sourceArn: undefined }));
}

function integrationTarget(deployment: Deployment, { properties, logicalId }: Resource): string {
  const reference = text(properties.Target, `target of ${logicalId}`).replace(/^integrations\//, "");
  const integration = deployment.ofType("AWS::ApiGatewayV2::Integration").find(({ ref }) => ref === reference);
  if (integration === undefined) throw new Error(`route ${logicalId} has no integration ${reference}`);
  if (integration.properties.PayloadFormatVersion !== "2.0")
    throw new Error(`route ${logicalId} does not use payload format 2.0`);
  const uri = text(integration.properties.IntegrationUri, `target of ${logicalId}`);
  return /functions\/(arn:[^/]+)\/invocations$/.exec(uri)?.[1] ?? uri;
}

export interface IngressServer extends Ingress {
  /** Set when the functions are ready; until then the answer is 503. */
  serve(world: IngressWorld): void;
}

export interface IngressWorld {
  readonly routes: readonly Route[];
  readonly functions: readonly LocalFunction[];
  readonly authorizer: Authorizer;
  readonly clock: Clock;
}

/** `port` 0 takes any. */
export async function startIngress(port: number, onDefect: (error: unknown) => void): Promise<IngressServer> {
  let world: IngressWorld | undefined;
  const server = createServer((request, response) => {
    (world === undefined ? Promise.resolve(plain(503, "Service Unavailable")) : answer(world, request)).then(
      ({ status, headers, body }) => {
        response.writeHead(status, headers);
        response.end(body);
      },
      (error: unknown) => {
        onDefect(error);
        response.writeHead(500).end();
      },
    );
  });
  const actual = await listenOnLoopback(server, port);
  return {
    url: `http://127.0.0.1:${actual}`,
    close: () => closeServer(server),
    serve: (ready) => {
      world = ready;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

const plain = (status: number, message: string): Answer => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ message }),
});

async function answer(world: IngressWorld, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const route = findRoute(world.routes, request.method ?? "GET", url.pathname);
  if (route === undefined) return plain(404, "Not Found");
  const body = await readBody(request);
  if (body === undefined) return plain(413, "Request Entity Too Large");
  const lambda = world.functions.find(({ resource }) => resource.arn === route.functionArn);
  if (lambda === undefined) return plain(500, "Internal Server Error");
  const permission = { action: "lambda:InvokeFunction", resource: route.functionArn };
  const decision =
    route.sourceArn === undefined
      ? { allowed: true }
      : world.authorizer.authorizeService("apigateway.amazonaws.com", permission, {
          arn: route.sourceArn,
          account: lambda.resource.account,
        });
  if (!decision.allowed) return plain(500, "Internal Server Error");
  const result = await lambda.pool.invoke(eventOf(request, url, route, body, world.clock.now()));
  if (result.kind === "throttled") return plain(route.sourceArn === undefined ? 429 : 503, "Service Unavailable");
  if (result.kind === "failed") return plain(route.sourceArn === undefined ? 502 : 500, "Internal Server Error");
  return parseAnswer(result.payload);
}

/** The most exact route wins: full path and method, then greedy, then `$default`. */
function findRoute(routes: readonly Route[], method: string, pathname: string): Route | undefined {
  const rank = (route: Route): number =>
    route.path === "$default" ? 0 : route.path.includes("+}") ? 1 : route.path.includes("{") ? 2 : 3;
  return routes
    .filter(
      (route) =>
        (route.method === "*" || route.method === method) &&
        (route.path === "$default" || pathParameters(route, pathname) !== undefined),
    )
    .sort((a, b) => rank(b) - rank(a))[0];
}

function pathParameters(route: Route, pathname: string): Readonly<Record<string, string>> | undefined {
  const expression = route.path
    .replace(/[.^$*()|[\]\\]/g, "\\$&")
    .replace(/\{(\w+)(\+?)\}/g, (_, name: string, greedy: string) => `(?<${name}>${greedy ? ".+" : "[^/]+"})`);
  const match = new RegExp(`^${expression}$`).exec(pathname);
  return match === null ? undefined : { ...match.groups };
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= maximumBodyBytes) parts.push(part);
  }
  return size > maximumBodyBytes ? undefined : Buffer.concat(parts);
}

/** Text types travel as they are, everything else (forms included) in base64. */
const isText = (contentType: string): boolean => /^(text\/|application\/(json|xml|javascript)\b)/i.test(contentType);

function eventOf(request: IncomingMessage, url: URL, route: Route, body: Buffer, now: number): Json {
  const headers = headersOf(request);
  const asText = isText(headers["content-type"] ?? "");
  const parameters = route.path === "$default" ? undefined : pathParameters(route, url.pathname);
  const query = [...new Set(url.searchParams.keys())].map(
    (name) => [name, url.searchParams.getAll(name).join(",")] as const,
  );
  return {
    version: "2.0",
    routeKey: route.path === "$default" ? "$default" : `${route.method === "*" ? "ANY" : route.method} ${route.path}`,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers: { ...headers, "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https" },
    ...(query.length === 0 ? {} : { queryStringParameters: Object.fromEntries(query) }),
    ...(parameters === undefined || Object.keys(parameters).length === 0 ? {} : { pathParameters: parameters }),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName: headers.host ?? "localhost",
      domainPrefix: "local",
      http: {
        method: request.method ?? "GET",
        path: url.pathname,
        protocol: "HTTP/1.1",
        sourceIp: "127.0.0.1",
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: route.path,
      stage: "$default",
      time: new Date(now).toISOString(),
      timeEpoch: now,
    },
    ...(body.length === 0 ? {} : { body: asText ? body.toString("utf8") : body.toString("base64") }),
    isBase64Encoded: body.length > 0 && !asText,
  };
}

/** An answer without statusCode is the body of a 200, as format 2.0 says. */
function parseAnswer(payload: string): Answer {
  const value: unknown = JSON.parse(payload);
  if (!isRecord(value) || value.statusCode === undefined) {
    return { status: 200, headers: { "content-type": "application/json" }, body: payload };
  }
  const headers = Object.entries(optionalRecord(value.headers, "headers of the answer")).map(
    ([name, content]) => [name.toLowerCase(), text(content, name)] as const,
  );
  const body = optionalText(value.body, "body of the answer") ?? "";
  return {
    status: Number(value.statusCode),
    headers: { "content-type": "text/plain; charset=utf-8", ...Object.fromEntries(headers) },
    body: value.isBase64Encoded === true ? Buffer.from(body, "base64") : body,
  };
}
