/** Flux's controllers among the objects of a build: their Deployments, and whether their command lines are understood. */
import { groupOf, type KubeObject, subject } from "../api/kube-object.ts";
import { type FluxController, findFluxDeployment, fluxDeploymentNamed } from "../bootstrap/flux-controller.ts";
import { fluxControllers, fluxNamespace } from "../bootstrap/names.ts";
import { type Compatibility, compatibilityOf, defaultCompatibility } from "./compatibility.ts";
import { controllerWords, holdsReference } from "./controller-args.ts";
import { knownGates, looksLikeLockdown, meaningOf, takesNext } from "./flux-flags.ts";
import { parseFlags, toggles } from "./parse-flags.ts";
import type { Findings, Shard } from "./shards.ts";

/** The one that bears the controller's own name first: where shards may differ, it counts. */
export function findShards(controller: FluxController, objects: readonly KubeObject[], findings?: Findings): Shard[] {
  return deploymentsOf(controller, objects).flatMap((deployment) => {
    const words = controllerWords(deployment);
    if (words) {
      const given = parseFlags(words, takesNext(controller));
      const hidden = words.filter((word) => word.startsWith("$(") && holdsReference(word));
      const malformed = [...given.malformed, ...hidden];
      return [{ subject: subject(deployment), given: { ...given, malformed } }];
    }
    findings?.refused.push(
      `${subject(deployment)}: none of its containers is named "manager": name the controller's so`,
    );
    return [];
  });
}

const isDeployment = ({ kind, apiVersion }: KubeObject) => kind === "Deployment" && groupOf(apiVersion) === "apps";

/** Flux elsewhere is not the one in whose place the engine acts. */
export function warnOfOthers(objects: readonly KubeObject[], { warnings }: Findings): void {
  const others = objects.filter(
    (object) => isDeployment(object) && object.metadata.namespace !== fluxNamespace && findFluxDeployment(object),
  );
  for (const other of others) warnings.push(`${subject(other)}: its flags are not read outside ${fluxNamespace}`);
}

function deploymentsOf(controller: FluxController, objects: readonly KubeObject[]): readonly KubeObject[] {
  const rank = ({ metadata: { name } }: KubeObject) => (name === controller ? "" : name);
  return objects
    .filter(isDeployment)
    .filter(({ metadata }) => metadata.namespace === fluxNamespace)
    .filter((deployment) => (findFluxDeployment(deployment) ?? namesake(deployment)) === controller)
    .sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
}

/** Labels and images may be anyone's: what bears a controller's name in Flux's namespace still says how it is to run. */
const namesake = ({ metadata: { name } }: KubeObject) => fluxDeploymentNamed(name);

/** Every flag and gate must be known: one that is not may forbid what the engine would do. */
export function checkFlags(
  controller: FluxController,
  shards: readonly Shard[],
  { refused, warnings }: Findings,
): void {
  for (const { subject: at, given } of shards) {
    for (const word of given.malformed) {
      refused.push(
        `${at}: argument ${JSON.stringify(word)} cannot be read: write it as --flag=value, without variables`,
      );
    }
    for (const [flag, values] of given.values) {
      const meaning = meaningOf(controller, flag);
      if (meaning?.kind === "setting" && values.some(holdsReference)) {
        refused.push(
          `${at}: --${flag} takes its value from a variable that only the pod knows: write the value itself`,
        );
      } else if (!meaning && looksLikeLockdown(flag)) {
        refused.push(`${at}: --${flag} is unknown and may forbid something: update the engine, or remove the flag`);
      } else if (!meaning) {
        warnings.push(`${at}: --${flag} is unknown and has no effect`);
      }
    }
    for (const gate of gateNames(given.values.get("feature-gates"))) {
      if (knownGates[controller].includes(gate)) continue;
      refused.push(`${at}: feature gate ${gate} is unknown: update the engine, or remove it from --feature-gates`);
    }
  }
}

/** None where the value is malformed: that is said when it is read. */
function gateNames(values: readonly string[] = []): readonly string[] {
  try {
    return [...toggles.parse(values).keys()];
  } catch {
    return [];
  }
}

/** What `app.kubernetes.io/version` says of the controllers, else of Flux's namespace. */
export function statedCompatibility(objects: readonly KubeObject[], { warnings }: Findings): Compatibility {
  const namespaces = objects.filter(
    ({ kind, apiVersion, metadata: { name } }) => kind === "Namespace" && apiVersion === "v1" && name === fluxNamespace,
  );
  const order = ["kustomize-controller", ...fluxControllers] as const;
  const installation = [...order.flatMap((controller) => deploymentsOf(controller, objects)), ...namespaces];
  const versions = installation.map(({ metadata: { labels } }) => labels?.["app.kubernetes.io/version"]);
  const version = versions.find((label) => label !== undefined);
  if (version === undefined) return defaultCompatibility;
  const { compatibility, warning } = compatibilityOf(version);
  if (warning) warnings.push(warning);
  return compatibility;
}
