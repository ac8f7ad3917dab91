/** What CloudWatch Logs leaves out of an audit log before it is delivered: reading, and whoever writes all the time. */
import { clusterRoleNamePrefix } from "../config/cluster-roles.ts";

/** Nodes, controllers and EKS itself, by the beginnings of their names; the engine comes to them. */
const unheard = [
  "system:node:*",
  "system:kube-*",
  "system:apiserver*",
  "system:serviceaccount:kube-system:*",
  "eks:*",
] as const;

const verbs = ["create", "update", "patch", "delete", "deletecollection"] as const;

/**
 * The engine's own sessions are left out by the beginning of their ARN, which is their name in an EKS cluster. The rest of
 * the rules is in relevance.ts: a pattern says only what it must, for what it leaves out nobody ever sees.
 */
export function auditFilterPattern(
  engine: string,
  home: { readonly partition: string; readonly account: string },
): string {
  const own = `arn:${home.partition}:sts::${home.account}:assumed-role/${clusterRoleNamePrefix(engine)}*`;
  const written = verbs.map((verb) => `$.verb = "${verb}"`).join(" || ");
  const others = [...unheard, own].map((name) => `$.user.username != "${name}"`).join(" && ");
  return `{ $.kind = "Event" && $.stage = "ResponseComplete" && (${written}) && ${others} }`;
}
