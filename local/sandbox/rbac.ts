/** Who may do what: RBAC from the stored roles and bindings, and EKS access policies, which need no object. */
import { at, listOf, objOf, textOf, type Obj } from "./json.ts";
import { matchesLabels } from "./selectors.ts";
import type { Store } from "./store.ts";

/** The EKS access policies that the sandbox knows, by their AWS names. */
export type AccessPolicy = "AmazonEKSClusterAdminPolicy" | "AmazonEKSAdminViewPolicy" | "AmazonEKSViewPolicy";

export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  /** Held by this login only: an impersonated user has none. */
  readonly policies?: readonly AccessPolicy[];
}

export interface Access {
  readonly verb: string;
  readonly group: string;
  /** Plural, with its subresource: `deployments/scale`. Empty for a path that is no resource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
}

export interface Authorizer {
  /** Undefined when allowed, else what follows `is forbidden: ` in the refusal. */
  refusal(identity: Identity, access: Access): string | undefined;
  /** Every rule that holds for the identity in the namespace (cluster-wide ones included). */
  rulesOf(identity: Identity, namespace: string): readonly Obj[];
}

const READ = new Set(["get", "list", "watch"]);
const PUBLIC_PATHS = /^\/(api|apis|openapi|version|healthz|livez|readyz)(\/.*)?$/;

const ROLES = "rbac.authorization.k8s.io/roles";
const CLUSTER_ROLES = "rbac.authorization.k8s.io/clusterroles";
const BINDINGS = "rbac.authorization.k8s.io/rolebindings";
const CLUSTER_BINDINGS = "rbac.authorization.k8s.io/clusterrolebindings";

export function createAuthorizer(store: Store): Authorizer {
  const clusterRules = (name: string): readonly Obj[] => {
    const role = store.get(CLUSTER_ROLES, "", name);
    const selectors = listOf(at(role, "aggregationRule", "clusterRoleSelectors"));
    const aggregated = store
      .list(CLUSTER_ROLES)
      .filter((other) => selectors.some((selector) => matchesLabels(selector, objOf(at(other, "metadata", "labels")))))
      .flatMap((other) => listOf(other.rules).map(objOf));
    return [...listOf(role?.rules).map(objOf), ...aggregated];
  };
  const missing = (kind: string, name: string): string =>
    `${kind}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;

  const collect = (identity: Identity, namespace: string): { rules: Obj[]; problems: string[] } => {
    const rules: Obj[] = [];
    const problems: string[] = [];
    const take = (binding: Obj, inNamespace: string): void => {
      if (!listOf(binding.subjects).some((subject) => isSubject(objOf(subject), identity, inNamespace))) return;
      const name = textOf(at(binding, "roleRef", "name"));
      const isCluster = at(binding, "roleRef", "kind") === "ClusterRole";
      const exists = isCluster ? store.get(CLUSTER_ROLES, "", name) : store.get(ROLES, inNamespace, name);
      if (!exists) problems.push(missing(isCluster ? "clusterrole" : "role", name));
      else rules.push(...(isCluster ? clusterRules(name) : listOf(exists.rules).map(objOf)));
    };
    for (const binding of store.list(CLUSTER_BINDINGS)) take(binding, "");
    if (namespace) for (const binding of store.list(BINDINGS, namespace)) take(binding, namespace);
    return { rules, problems };
  };

  return {
    rulesOf: (identity, namespace) => collect(identity, namespace).rules,
    refusal: (identity, access) => {
      if (
        identity.groups.includes("system:masters") ||
        identity.policies?.some((policy) => policyAllows(policy, access))
      )
        return undefined;
      if (
        access.path !== undefined &&
        access.verb === "get" &&
        identity.groups.includes("system:authenticated") &&
        PUBLIC_PATHS.test(access.path)
      )
        return undefined;
      const { rules, problems } = collect(identity, access.namespace);
      if (rules.some((rule) => ruleAllows(rule, access))) return undefined;
      return refusalText(identity, access) + (problems.length > 0 ? `: RBAC: ${problems.join(", ")}` : "");
    },
  };
}

function refusalText({ user }: Identity, { verb, group, resource, namespace, path }: Access): string {
  if (path !== undefined) return `User ${JSON.stringify(user)} cannot ${verb} path ${JSON.stringify(path)}`;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : "at the cluster scope";
  return `User ${JSON.stringify(user)} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`;
}

function policyAllows(policy: AccessPolicy, access: Access): boolean {
  if (policy === "AmazonEKSClusterAdminPolicy") return true;
  if (!READ.has(access.verb)) return false;
  if (policy === "AmazonEKSAdminViewPolicy") return true;
  return (
    access.path !== undefined ||
    (access.group !== "rbac.authorization.k8s.io" && !(access.group === "" && access.resource === "secrets"))
  );
}

function isSubject(subject: Obj, { user, groups }: Identity, namespace: string): boolean {
  const name = textOf(subject.name);
  if (subject.kind === "User") return name === user;
  if (subject.kind === "Group") return groups.includes(name);
  return user === `system:serviceaccount:${textOf(subject.namespace) || namespace}:${name}`;
}

export function ruleAllows(rule: Obj, { verb, group, resource, name, path }: Access): boolean {
  const has = (field: string, value: string): boolean => {
    const values = listOf(rule[field]);
    return values.includes("*") || values.includes(value);
  };
  if (!has("verbs", verb)) return false;
  if (path !== undefined)
    return listOf(rule.nonResourceURLs).some(
      (url) => url === path || url === "*" || (String(url).endsWith("*") && path.startsWith(String(url).slice(0, -1))),
    );
  const [plural, subresource] = resource.split("/");
  const names = listOf(rule.resourceNames);
  const matches =
    has("resources", resource) ||
    (subresource !== undefined && listOf(rule.resources).includes(`*/${subresource}`)) ||
    (subresource === undefined && has("resources", plural ?? ""));
  return has("apiGroups", group) && matches && (names.length === 0 || names.includes(name));
}

/** The rights that an impersonated ServiceAccount's name brings along. */
export function groupsOfUser(user: string): string[] {
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(user) ?? [];
  return namespace
    ? ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"]
    : ["system:authenticated"];
}
