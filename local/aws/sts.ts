/** STS: AssumeRole gives a fake key of the role, GetCallerIdentity says who asks. The trust policy is checked by the gateway. */
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Identities } from "../identities.ts";
import {
  AwsError,
  type AwsRequest,
  type AwsResponse,
  type Emulator,
  escapeXml,
  notEmulated,
  xmlResponse,
} from "./protocol.ts";

export function createSts(identities: Identities, clock: Clock): Emulator {
  return {
    service: "sts",
    protocol: "query",
    deniedCode: "AccessDenied",
    permissions(request) {
      const parameters = parametersOf(request);
      const action = parameters.get("Action") ?? "";
      // GetCallerIdentity needs no permission, and cannot be denied.
      if (action === "GetCallerIdentity") return [];
      if (action !== "AssumeRole") throw notEmulated("STS", action);
      if (parameters.get("Policy") !== null || parameters.has("PolicyArns.member.1.arn"))
        throw notEmulated("STS", "AssumeRole with a session policy");
      const externalId = parameters.get("ExternalId");
      const session = parameters.get("RoleSessionName") ?? "";
      return [
        {
          action: "sts:AssumeRole",
          resource: parameters.get("RoleArn") ?? "",
          context: { "sts:RoleSessionName": session, ...(externalId === null ? {} : { "sts:ExternalId": externalId }) },
        },
      ];
    },
    async handle(request) {
      const parameters = parametersOf(request);
      return parameters.get("Action") === "AssumeRole"
        ? assumeRole(parameters, request, identities, clock)
        : callerIdentity(request);
    },
  };
}

function parametersOf(request: AwsRequest): URLSearchParams {
  return request.method === "GET" ? request.query : new URLSearchParams(request.body.toString("utf8"));
}

function assumeRole(
  parameters: URLSearchParams,
  request: AwsRequest,
  identities: Identities,
  clock: Clock,
): AwsResponse {
  const lifetimeSeconds = Number(parameters.get("DurationSeconds") ?? "3600");
  const session = parameters.get("RoleSessionName") ?? "";
  if (!/^[\w+=,.@-]{2,64}$/.test(session)) {
    throw new AwsError(
      "ValidationError",
      400,
      `1 validation error detected: Value '${session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    );
  }
  if (lifetimeSeconds < 900 || lifetimeSeconds > 43_200) {
    throw new AwsError(
      "ValidationError",
      400,
      "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: Member must be between 900 and 43200",
    );
  }
  // A role that was itself assumed may pass on one hour at most.
  if (lifetimeSeconds > 3600 && request.caller.roleArn !== undefined) {
    throw new AwsError(
      "ValidationError",
      400,
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
  }
  const roleArn = parameters.get("RoleArn") ?? "";
  const credentials = identities.issue({ roleArn, session, lifetimeSeconds });
  const { caller } = identities.find(credentials.accessKeyId, credentials.sessionToken);
  const expiration = new Date(clock.now() + lifetimeSeconds * 1000).toISOString();
  return response(
    "AssumeRole",
    `<Credentials><AccessKeyId>${credentials.accessKeyId}</AccessKeyId><SecretAccessKey>${credentials.secretAccessKey}</SecretAccessKey><SessionToken>${credentials.sessionToken ?? ""}</SessionToken><Expiration>${expiration}</Expiration></Credentials><AssumedRoleUser><Arn>${escapeXml(caller.arn)}</Arn><AssumedRoleId>${escapeXml(caller.userId)}</AssumedRoleId></AssumedRoleUser>`,
  );
}

function callerIdentity({ caller }: AwsRequest): AwsResponse {
  return response(
    "GetCallerIdentity",
    `<Arn>${escapeXml(caller.arn)}</Arn><UserId>${escapeXml(caller.userId)}</UserId><Account>${caller.account}</Account>`,
  );
}

const response = (action: string, result: string): AwsResponse =>
  xmlResponse(
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></${action}Response>`,
  );
