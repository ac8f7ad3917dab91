/** The review kinds: who am I, may I, whose token is this. */
import { at, isObj, listOf, objOf, textOf, type Obj } from "./json.ts";
import { groupsOfUser, type Access, type Authorizer, type Identity } from "./rbac.ts";
import { noSuchPath } from "./status-error.ts";

export interface ReviewPorts {
  readonly authorizer: Authorizer;
  readonly tokenOwner: (token: string) => Promise<Identity | undefined> | Identity | undefined;
}

export async function answerReview(
  ports: ReviewPorts,
  identity: Identity,
  plural: string,
  sent: unknown,
): Promise<Obj> {
  const body = objOf(sent);
  const reply = (status: Obj): Obj => ({ ...body, metadata: objOf(body.metadata), status });
  const spec = objOf(body.spec);
  switch (plural) {
    case "selfsubjectreviews":
      return reply({ userInfo: userInfo(identity) });
    case "selfsubjectaccessreviews":
      return reply(decision(ports.authorizer, identity, spec));
    case "subjectaccessreviews":
    case "localsubjectaccessreviews":
      return reply(decision(ports.authorizer, subject(spec), spec));
    case "selfsubjectrulesreviews":
      return reply({ ...rules(ports.authorizer.rulesOf(identity, textOf(spec.namespace))), incomplete: false });
    case "tokenreviews": {
      const owner = await ports.tokenOwner(textOf(spec.token));
      return reply(
        owner ? { authenticated: true, user: userInfo(owner) } : { user: {}, error: "invalid bearer token" },
      );
    }
    default:
      throw noSuchPath();
  }
}

const userInfo = ({ user, groups, uid }: Identity): Obj => ({ username: user, ...(uid ? { uid } : {}), groups });

function subject(spec: Obj): Identity {
  const user = textOf(spec.user);
  const groups = listOf(spec.groups).map(String);
  return { user, groups: groups.length > 0 ? groups : groupsOfUser(user) };
}

function decision(authorizer: Authorizer, identity: Identity, spec: Obj): Obj {
  const resource = objOf(spec.resourceAttributes);
  const path = at(spec, "nonResourceAttributes", "path");
  const sub = textOf(resource.subresource);
  const access: Access = {
    verb: textOf(isObj(spec.nonResourceAttributes) ? at(spec, "nonResourceAttributes", "verb") : resource.verb),
    group: textOf(resource.group),
    resource: sub ? `${textOf(resource.resource)}/${sub}` : textOf(resource.resource),
    namespace: textOf(resource.namespace),
    name: textOf(resource.name),
    ...(typeof path === "string" ? { path } : {}),
  };
  const refusal = authorizer.refusal(identity, access);
  return refusal ? { allowed: false } : { allowed: true };
}

function rules(all: readonly Obj[]): Obj {
  return {
    resourceRules: all
      .filter((rule) => rule.resources !== undefined)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames ? { resourceNames } : {}),
      })),
    nonResourceRules: all
      .filter((rule) => rule.nonResourceURLs !== undefined)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
  };
}
