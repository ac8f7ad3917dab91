/** Failures in the API server's own words: every one travels as a `metav1.Status`. */
import type { Obj } from "./json.ts";

export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** Group and plural name of a resource, for messages. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: Obj | undefined;

  constructor(code: number, reason: string, message: string, details?: Obj) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  status(): Obj {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      ...(this.reason ? { reason: this.reason } : {}),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

const qualified = ({ group, plural }: ResourceName): string => (group ? `${plural}.${group}` : plural);

const detailsOf = (resource: ResourceName, name: string, more: Obj = {}): Obj => ({
  ...(name ? { name } : {}),
  ...(resource.group ? { group: resource.group } : {}),
  kind: resource.plural,
  ...more,
});

export const badRequest = (message: string): StatusError => new StatusError(400, "BadRequest", message);

export const unauthorized = (): StatusError => new StatusError(401, "Unauthorized", "Unauthorized");

export const notFound = (resource: ResourceName, name: string): StatusError =>
  new StatusError(404, "NotFound", `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));

export const noSuchPath = (): StatusError =>
  new StatusError(404, "NotFound", "the server could not find the requested resource", {});

export const alreadyExists = (resource: ResourceName, name: string): StatusError =>
  new StatusError(409, "AlreadyExists", `${qualified(resource)} "${name}" already exists`, detailsOf(resource, name));

export const conflict = (resource: ResourceName, name: string, why: string): StatusError =>
  new StatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    detailsOf(resource, name),
  );

export const STALE = "the object has been modified; please apply your changes to the latest version and try again";

export const applyConflict = (message: string, causes: readonly Cause[]): StatusError =>
  new StatusError(409, "Conflict", message, { causes });

export const forbidden = (resource: ResourceName, name: string, why: string): StatusError =>
  new StatusError(
    403,
    "Forbidden",
    `${qualified(resource)}${name ? ` "${name}"` : ""} is forbidden: ${why}`,
    detailsOf(resource, name),
  );

export const gone = (message: string): StatusError => new StatusError(410, "Expired", message);

const unknownFormat = (accepted: readonly string[]): StatusError =>
  new StatusError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );

export const unsupportedMedia = (): StatusError =>
  unknownFormat(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]);

export const unsupportedPatch = unknownFormat;

export const methodNotAllowed = (): StatusError =>
  new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

/** What the sandbox leaves out is refused with words, never answered wrongly. */
export const notEmulated = (what: string): StatusError =>
  new StatusError(
    501,
    "NotImplemented",
    `the sandbox cluster does not emulate ${what}; use a real cluster (--context) for this`,
  );

export interface FieldError {
  readonly type:
    | "Required"
    | "Invalid"
    | "NotSupported"
    | "Duplicate"
    | "Forbidden"
    | "NotFound"
    | "TypeInvalid"
    | "TooLong"
    | "TooMany";
  readonly field: string;
  /** The whole text behind `field: `, the kind of error included. */
  readonly message: string;
}

const REASONS: Readonly<Record<FieldError["type"], string>> = {
  Required: "FieldValueRequired",
  Invalid: "FieldValueInvalid",
  NotSupported: "FieldValueNotSupported",
  Duplicate: "FieldValueDuplicate",
  Forbidden: "FieldValueForbidden",
  NotFound: "FieldValueNotFound",
  TypeInvalid: "FieldValueTypeInvalid",
  TooLong: "FieldValueTooLong",
  TooMany: "FieldValueTooMany",
};

export const required = (field: string, detail = ""): FieldError => ({
  type: "Required",
  field,
  message: `Required value${detail ? `: ${detail}` : ""}`,
});

export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  type: "Invalid",
  field,
  message: `Invalid value: ${goValue(value)}: ${detail}`,
});

export const goValue = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value) : value === null ? "null" : JSON.stringify(value);

/** 422 with one cause per finding; several are listed in brackets as Kubernetes does. */
export function invalid(kind: string, group: string, name: string, errors: readonly FieldError[]): StatusError {
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const list = texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
  return new StatusError(422, "Invalid", `${group ? `${kind}.${group}` : kind} "${name}" is invalid: ${list}`, {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    kind,
    causes: errors.map((error) => ({ reason: REASONS[error.type], message: error.message, field: error.field })),
  });
}
