/** The rules for built-in kinds that the sandbox checks, in Kubernetes' words; `docs/sandbox.md` lists what it leaves out. */
import { at, equal, isObj, listOf, objOf, textOf, type Obj } from "./json.ts";
import { matchesLabels } from "./selectors.ts";
import { invalidValue, required, type FieldError } from "./status-error.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const QUALIFIED =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_1035_TEXT =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_TEXT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const RBAC_KINDS = new Set(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);

/** Name, labels and annotations of any object. */
export function metadataErrors(kind: string, object: Obj): FieldError[] {
  const meta = objOf(object.metadata);
  const name = textOf(meta.name);
  const errors = name ? nameErrors(kind, name) : [required("metadata.name", "name or generateName is required")];
  for (const [key, value] of Object.entries(objOf(meta.labels))) {
    if (!QUALIFIED.test(key)) errors.push(invalidValue("metadata.labels", key, QUALIFIED_TEXT));
    if (!LABEL_VALUE.test(String(value))) errors.push(invalidValue("metadata.labels", value, LABEL_VALUE_TEXT));
    if (String(value).length > 63) errors.push(invalidValue("metadata.labels", value, "must be no more than 63 bytes"));
  }
  for (const key of Object.keys(objOf(meta.annotations)))
    if (!QUALIFIED.test(key.toLowerCase())) errors.push(invalidValue("metadata.annotations", key, QUALIFIED_TEXT));
  return errors;
}

function nameErrors(kind: string, name: string): FieldError[] {
  if (RBAC_KINDS.has(kind))
    return /^\.\.?$|[/%]/.test(name) ? [invalidValue("metadata.name", name, "may not contain '/' or '%'")] : [];
  const [pattern, text] =
    kind === "Namespace"
      ? [LABEL, LABEL_TEXT]
      : kind === "Service"
        ? [DNS_1035, DNS_1035_TEXT]
        : [SUBDOMAIN, SUBDOMAIN_TEXT];
  return pattern.test(name) ? [] : [invalidValue("metadata.name", name, text)];
}

type Rule = (object: Obj, old: Obj | undefined) => FieldError[];

const RULES: Readonly<Record<string, Rule>> = {
  Service: service,
  Deployment: workload,
  StatefulSet: workload,
  DaemonSet: workload,
  ReplicaSet: workload,
  Job: (object, old) => [
    ...podErrors(at(object, "spec", "template", "spec"), "spec.template.spec", ["OnFailure", "Never"]),
    ...immutable(object, old, "spec.template"),
  ],
  CronJob: (object) => [
    ...(textOf(at(object, "spec", "schedule")) ? [] : [required("spec.schedule")]),
    ...podErrors(at(object, "spec", "jobTemplate", "spec", "template", "spec"), "spec.jobTemplate.spec.template.spec", [
      "OnFailure",
      "Never",
    ]),
  ],
  Pod: (object) => podErrors(object.spec, "spec"),
  ConfigMap: (object, old) => frozen(object, old, "ConfigMap"),
  Secret: (object, old) => [...frozen(object, old, "Secret"), ...immutable(object, old, "type")],
  RoleBinding: roleBinding,
  ClusterRoleBinding: roleBinding,
  HorizontalPodAutoscaler: (object) => {
    const max = Number(at(object, "spec", "maxReplicas") ?? 0);
    const min = Number(at(object, "spec", "minReplicas") ?? 1);
    if (max < 1) return [invalidValue("spec.maxReplicas", max, "must be greater than 0")];
    return max < min ? [invalidValue("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`")] : [];
  },
  PersistentVolumeClaim: (object, old) =>
    old && !equal(at(old, "spec", "accessModes"), at(object, "spec", "accessModes"))
      ? [
          forbiddenChange(
            "spec",
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
          ),
        ]
      : [],
};

export const kindErrors = (kind: string, object: Obj, old: Obj | undefined): FieldError[] =>
  RULES[kind]?.(object, old) ?? [];

const forbiddenChange = (field: string, detail: string): FieldError => ({
  type: "Forbidden",
  field,
  message: `Forbidden: ${detail}`,
});

function immutable(object: Obj, old: Obj | undefined, field: string): FieldError[] {
  const path = field.split(".");
  return !old || equal(at(old, ...path), at(object, ...path))
    ? []
    : [invalidValue(field, at(object, ...path), "field is immutable")];
}

function frozen(object: Obj, old: Obj | undefined, kind: string): FieldError[] {
  if (old?.immutable !== true) return [];
  const errors =
    object.immutable === true ? [] : [forbiddenChange("immutable", "field is immutable when `immutable` is set")];
  return equal(old.data, object.data)
    ? errors
    : [...errors, forbiddenChange("data", `field is immutable when \`immutable\` is set${kind ? "" : ""}`)];
}

function roleBinding(object: Obj, old: Obj | undefined): FieldError[] {
  const errors =
    old && !equal(old.roleRef, object.roleRef)
      ? [invalidValue("roleRef", goRoleRef(object.roleRef), "cannot change roleRef")]
      : [];
  if (!textOf(at(object, "roleRef", "name"))) errors.push(required("roleRef.name"));
  return errors;
}

/** The value as Go prints its struct. */
function goRoleRef(ref: unknown): Obj {
  const { apiGroup, kind, name } = objOf(ref);
  return { APIGroup: apiGroup, Kind: kind, Name: name };
}

function portErrors(value: unknown, field: string): FieldError[] {
  if (typeof value === "number" && (value < 1 || value > 65535))
    return [invalidValue(field, value, "must be between 1 and 65535, inclusive")];
  return [];
}

function service(object: Obj, old: Obj | undefined): FieldError[] {
  const spec = objOf(object.spec);
  const ports = listOf(spec.ports).map(objOf);
  const errors: FieldError[] = [];
  if (ports.length === 0 && spec.clusterIP !== "None" && spec.type !== "ExternalName")
    errors.push(required("spec.ports"));
  ports.forEach((port, index) => {
    if (ports.length > 1 && !textOf(port.name)) errors.push(required(`spec.ports[${index}].name`));
    errors.push(
      ...portErrors(port.port, `spec.ports[${index}].port`),
      ...portErrors(port.targetPort, `spec.ports[${index}].targetPort`),
    );
  });
  if (spec.type === "ExternalName" && !textOf(spec.externalName)) errors.push(required("spec.externalName"));
  const before = textOf(at(old, "spec", "clusterIP"));
  if (before && before !== "None" && spec.type !== "ExternalName" && spec.clusterIP !== before)
    errors.push(invalidValue("spec.clusterIPs[0]", listOf(spec.clusterIPs), "may not change once set"));
  return errors;
}

function workload(object: Obj, old: Obj | undefined): FieldError[] {
  const spec = objOf(object.spec);
  const errors: FieldError[] = [];
  const labels = at(spec, "template", "metadata", "labels");
  const selector = spec.selector;
  if (!isObj(selector)) errors.push(required("spec.selector"));
  if (!isObj(selector) || !matchesLabels(selector, objOf(labels)))
    errors.push(
      invalidValue("spec.template.metadata.labels", labels ?? null, "`selector` does not match template `labels`"),
    );
  if (typeof spec.replicas === "number" && spec.replicas < 0)
    errors.push(invalidValue("spec.replicas", spec.replicas, "must be greater than or equal to 0"));
  errors.push(
    ...podErrors(
      at(spec, "template", "spec"),
      "spec.template.spec",
      ["Always"],
      listOf(spec.volumeClaimTemplates).map((claim) => objOf(claim).metadata),
    ),
  );
  if (old && !equal(at(old, "spec", "selector"), selector))
    errors.push(invalidValue("spec.selector", selector, "field is immutable"));
  if (old && object.kind === "StatefulSet") errors.push(...statefulSetChange(spec, objOf(old.spec)));
  return errors;
}

const STATEFUL_MUTABLE = new Set([
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
  "selector",
]);

function statefulSetChange(spec: Obj, old: Obj): FieldError[] {
  const changed = [...new Set([...Object.keys(spec), ...Object.keys(old)])].some(
    (field) => !STATEFUL_MUTABLE.has(field) && !equal(spec[field], old[field]),
  );
  return changed
    ? [
        forbiddenChange(
          "spec",
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      ]
    : [];
}

function podErrors(
  spec: unknown,
  path: string,
  restart?: readonly string[],
  claims: readonly unknown[] = [],
): FieldError[] {
  const containers = listOf(objOf(spec).containers).map(objOf);
  if (containers.length === 0) return [required(`${path}.containers`)];
  const errors: FieldError[] = [];
  const names = new Set<unknown>();
  const volumes = new Set([...listOf(objOf(spec).volumes), ...claims].map((volume) => textOf(objOf(volume).name)));
  containers.forEach((container, index) => {
    const field = `${path}.containers[${index}]`;
    if (!textOf(container.name)) errors.push(required(`${field}.name`));
    else if (!LABEL.test(textOf(container.name)))
      errors.push(invalidValue(`${field}.name`, container.name, LABEL_TEXT));
    if (names.has(container.name))
      errors.push({
        type: "Duplicate",
        field: `${field}.name`,
        message: `Duplicate value: ${JSON.stringify(container.name)}`,
      });
    names.add(container.name);
    if (!textOf(container.image)) errors.push(required(`${field}.image`));
    listOf(container.volumeMounts).forEach((mount, at) => {
      const name = textOf(objOf(mount).name);
      if (!volumes.has(name))
        errors.push({
          type: "NotFound",
          field: `${field}.volumeMounts[${at}].name`,
          message: `Not found: ${JSON.stringify(name)}`,
        });
    });
    listOf(container.ports).forEach((port, at) =>
      errors.push(...portErrors(objOf(port).containerPort, `${field}.ports[${at}].containerPort`)),
    );
  });
  const policy = textOf(objOf(spec).restartPolicy);
  if (restart && !restart.includes(policy))
    errors.push({
      type: "NotSupported",
      field: `${path}.restartPolicy`,
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: ${restart.map((one) => JSON.stringify(one)).join(", ")}`,
    });
  return errors;
}
