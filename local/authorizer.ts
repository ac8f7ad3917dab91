/** Decides every call of this machine by the template's policies and remembers which grants were used and which were missing. */
import type { Caller, Permission } from "./aws/protocol.ts";
import { type Decision, type Statement, contextOf, evaluate, parsePolicy, wildcard } from "./iam.ts";
import type { PolicyStore } from "./policies.ts";

export interface RoleGrants {
  readonly used: readonly { readonly action: string; readonly resource: string }[];
  readonly denied: readonly { readonly action: string; readonly resource: string; readonly because: string }[];
  /** `<action> on <resource>` for every pair of patterns that the role allows and nothing has used since the start. */
  readonly unused: readonly string[];
}

export interface Authorizer {
  /** Decides for a session of a role or for the operator, and records it. */
  authorize(caller: Caller, permission: Permission): Decision;
  /** Decides for an AWS service, e.g. `apigateway.amazonaws.com`, on a resource-based or trust policy. */
  authorizeService(
    service: string,
    permission: Permission,
    source?: { readonly arn: string; readonly account: string },
  ): Decision;
  /** By role ARN. */
  grants(): Readonly<Record<string, RoleGrants>>;
}

const everything = parsePolicy({ Statement: { Effect: "Allow", Action: "*", Resource: "*" } }, "operator");

export function createAuthorizer(policies: PolicyStore, onDenied: (words: string) => void): Authorizer {
  const used = new Map<string, Map<string, { action: string; resource: string }>>();
  const denied = new Map<string, Map<string, { action: string; resource: string; because: string }>>();
  const note = <T extends { action: string; resource: string }>(
    book: Map<string, Map<string, T>>,
    role: string,
    entry: T,
  ) => {
    const page = book.get(role) ?? new Map<string, T>();
    book.set(role, page.set(`${entry.action} ${entry.resource}`, entry));
  };

  return {
    authorize(caller, permission) {
      const decision = decide(policies, caller, permission);
      const { action, resource } = permission;
      if (caller.roleArn === undefined) return decision;
      if (decision.allowed) note(used, caller.roleArn, { action, resource });
      else {
        note(denied, caller.roleArn, { action, resource, because: decision.because });
        onDenied(deniedWords(caller, permission, decision.because));
      }
      return decision;
    },
    authorizeService(service, permission, source) {
      const { action, resource } = permission;
      const context = contextOf({
        ...permission.context,
        "aws:SecureTransport": "true",
        "aws:SourceArn": source?.arn,
        "aws:SourceAccount": source?.account,
        "aws:PrincipalServiceName": service,
      });
      const decision = evaluate(
        { action, resource, principals: [service], context },
        { identity: [], resource: policies.resourcePolicy(resource), delegated: true, account: accountOf(resource) },
      );
      if (!decision.allowed)
        onDenied(`${service} is not authorized to perform: ${action} on resource: ${resource} ${decision.because}`);
      return decision;
    },
    grants: () =>
      Object.fromEntries(
        [...policies.roles.values()].map((role) => [
          role.arn,
          {
            used: [...(used.get(role.arn)?.values() ?? [])],
            denied: [...(denied.get(role.arn)?.values() ?? [])],
            unused: unusedGrants(role.identity, [...(used.get(role.arn)?.values() ?? [])]),
          },
        ]),
      ),
  };
}

/** AWS's sentence for a refusal. */
export function deniedWords(caller: Caller, { action, resource }: Permission, because: string): string {
  return `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource} ${because}`;
}

function decide(policies: PolicyStore, caller: Caller, permission: Permission): Decision {
  const { action, resource } = permission;
  const role = caller.roleArn === undefined ? undefined : policies.roles.get(caller.roleArn);
  const owner = accountOf(resource) || caller.account;
  const service = action.split(":")[0] ?? "";
  const context = contextOf({
    ...permission.context,
    "aws:SecureTransport": "true",
    "aws:PrincipalArn": caller.roleArn ?? caller.arn,
    "aws:PrincipalAccount": caller.account,
    "aws:PrincipalIsAWSService": "false",
    "aws:ResourceAccount": owner,
    "aws:userid": caller.userId,
  });
  return evaluate(
    { action, resource, principals: [caller.arn, ...(caller.roleArn === undefined ? [] : [caller.roleArn])], context },
    {
      identity: caller.roleArn === undefined ? everything : (role?.identity ?? []),
      resource: policies.resourcePolicy(resource),
      boundary: role?.boundary,
      // A key and a role answer to their own policy first, and so does everything in another account.
      delegated: service === "kms" || service === "sts" || owner !== caller.account,
      account: owner,
    },
  );
}

const accountOf = (arn: string): string => arn.split(":")[4] ?? "";

function unusedGrants(
  statements: readonly Statement[],
  used: readonly { readonly action: string; readonly resource: string }[],
): readonly string[] {
  const allowed = statements
    .filter(({ effect }) => effect === "Allow")
    .flatMap(({ actions, resources }) =>
      actions.flatMap((action) => resources.map((resource) => ({ action, resource }))),
    );
  const isUsed = (grant: { readonly action: string; readonly resource: string }) =>
    used.some(
      ({ action, resource }) =>
        wildcard(grant.action.toLowerCase(), action.toLowerCase()) && wildcard(grant.resource, resource),
    );
  return [
    ...new Set(allowed.filter((grant) => !isUsed(grant)).map(({ action, resource }) => `${action} on ${resource}`)),
  ];
}
