/**
 * Reads EKS bearer tokens (`k8s-aws-v1.` and a presigned STS GetCallerIdentity) with the rules of aws-iam-authenticator,
 * and tells from the template's access entries who the bearer is in the cluster.
 */
import { AwsError } from "./aws/protocol.ts";
import type { Identities } from "./identities.ts";
import { optionalText, record, text, texts, list } from "./json.ts";
import { parseSignature, verifySignature } from "./sigv4.ts";
import type { Resource } from "./template.ts";

/** Who the bearer of a token is, as the cluster's access entries say. */
export interface EksIdentity {
  readonly roleArn: string;
  readonly username: string;
  readonly groups: readonly string[];
  /** Last part of the access policies' ARNs, e.g. `AmazonEKSClusterAdminPolicy`, with the namespaces they are limited to. */
  readonly policies: readonly { readonly name: string; readonly namespaces: readonly string[] | undefined }[];
}

export interface AccessEntry {
  readonly cluster: string;
  readonly roleArn: string;
  readonly username: string | undefined;
  readonly groups: readonly string[];
  readonly policies: EksIdentity["policies"];
}

/** From resources of type AWS::EKS::AccessEntry. */
export function readAccessEntries(resources: readonly Resource[]): readonly AccessEntry[] {
  return resources.map(({ logicalId, properties }) => ({
    cluster: text(properties.ClusterName, `cluster of ${logicalId}`),
    roleArn: text(properties.PrincipalArn, `principal of ${logicalId}`),
    username: optionalText(properties.Username, `username of ${logicalId}`),
    groups: texts(properties.KubernetesGroups, `groups of ${logicalId}`),
    policies: list(properties.AccessPolicies).map((value) => {
      const policy = record(value, `policy of ${logicalId}`);
      const scope = record(policy.AccessScope, `scope of ${logicalId}`);
      const arn = text(policy.PolicyArn, `policy of ${logicalId}`);
      return {
        name: arn.slice(arn.lastIndexOf("/") + 1),
        namespaces: scope.Type === "namespace" ? texts(scope.Namespaces, `namespaces of ${logicalId}`) : undefined,
      };
    }),
  }));
}

const prefix = "k8s-aws-v1.";
const allowedParameters = new Set([
  ...[
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
  ],
  ...["x-amz-signature", "x-amz-signedheaders", "x-amz-user-agent"],
]);
/** A token is good for so long after it was signed, whatever its X-Amz-Expires says. */
const lifetimeMillis = 15 * 60_000;

/** Undefined for anything but a good token of a role that has an access entry for the cluster. */
export function identifyBearer(
  token: string,
  cluster: string,
  world: { readonly identities: Identities; readonly entries: readonly AccessEntry[]; readonly now: number },
): EksIdentity | undefined {
  if (!token.startsWith(prefix)) return undefined;
  const encoded = token.slice(prefix.length);
  const decoded = Buffer.from(encoded, "base64url");
  // Node skips what does not belong to base64url; the authenticator refuses it.
  if (decoded.toString("base64url") !== encoded) return undefined;
  const url = parseUrl(decoded.toString("utf8"));
  if (url === undefined || !isCallerIdentity(url)) return undefined;
  try {
    const caller = authenticate(url, cluster, world.identities, world.now);
    const entry = world.entries.find(
      (candidate) => candidate.cluster === cluster && candidate.roleArn === caller.roleArn,
    );
    if (entry === undefined) return undefined;
    const { roleArn, groups, policies } = entry;
    return {
      roleArn,
      username: entry.username?.replace("{{SessionName}}", caller.session) ?? caller.arn,
      groups,
      policies,
    };
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

function parseUrl(value: string): URL | undefined {
  // The parser drops control characters at the ends: a longer token would pass for the one it was made from.
  if (!/^[\x21-\x7e]+$/.test(value)) return undefined;
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

function isCallerIdentity(url: URL): boolean {
  return (
    url.protocol === "https:" &&
    /^sts(-fips)?(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?$/.test(url.host) &&
    url.pathname === "/" &&
    url.searchParams.get("Action") === "GetCallerIdentity" &&
    [...url.searchParams.keys()].every((name) => allowedParameters.has(name.toLowerCase()))
  );
}

/** @throws AwsError when the signature is not that of a session of a role, over this cluster's name. */
function authenticate(url: URL, cluster: string, identities: Identities, now: number) {
  const headers = { host: url.host, "x-k8s-aws-id": cluster };
  const request = { method: "GET", path: url.pathname, rawQuery: url.search.slice(1), headers, body: Buffer.alloc(0) };
  const signature = parseSignature(request);
  if (signature?.service !== "sts" || !signature.signedHeaders.includes("x-k8s-aws-id")) {
    throw new AwsError("AccessDenied", 403, "the token does not sign x-k8s-aws-id");
  }
  if (now - signature.signedAt > lifetimeMillis || signature.signedAt - now > lifetimeMillis) {
    throw new AwsError("AccessDenied", 403, "the token is expired");
  }
  const { caller, secret } = identities.find(signature.accessKeyId, signature.sessionToken);
  // STS itself lets GetCallerIdentity live as long as the authenticator does.
  verifySignature(request, { ...signature, expiresSeconds: lifetimeMillis / 1000 }, secret, now);
  return { roleArn: caller.roleArn, arn: caller.arn, session: caller.arn.slice(caller.arn.lastIndexOf("/") + 1) };
}
