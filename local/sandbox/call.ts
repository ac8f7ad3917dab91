/** One call of the API as its answering sees it: who asks for what, with which ports, and the shape of the answer. */
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Obj } from "./json.ts";
import type { Objects } from "./objects.ts";
import type { Authorizer, Identity } from "./rbac.ts";
import type { Reads, View } from "./reads.ts";
import type { ApiRequest } from "./request-body.ts";
import type { Registry } from "./resources.ts";
import type { ReviewPorts } from "./reviews.ts";

export interface ApiResponse {
  readonly status: number;
  readonly body?: Obj | string;
  readonly contentType?: string;
  readonly warnings?: readonly string[];
  readonly stream?: AsyncIterable<string>;
}

/** One answered request, for counting and for tests. */
export interface AuditEntry {
  readonly user: string;
  readonly groups?: readonly string[];
  /** The `User-Agent`. */
  readonly agent?: string;
  /** Of the object in the answer; a create does not name it in its path. */
  readonly name?: string;
  /** The impersonated user, when there is one. */
  readonly as: string | undefined;
  readonly verb: string;
  readonly url: string;
  readonly code: number;
}

export interface ApiPorts extends ReviewPorts {
  readonly registry: Registry;
  readonly objects: Objects;
  readonly reads: Reads;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly audit?: (entry: AuditEntry) => void;
}

export interface Call {
  readonly ports: ApiPorts;
  readonly request: ApiRequest;
  readonly url: URL;
  readonly identity: Identity;
  readonly view: View;
}

/** What the server answers in plain text where a path leads nowhere at all. */
export const NO_PAGE: ApiResponse = {
  status: 404,
  body: "404 page not found\n",
  contentType: "text/plain; charset=utf-8",
};
