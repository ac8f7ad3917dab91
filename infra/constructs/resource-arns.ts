/** Turns the names of the permission table into ARNs. */
import { ArnFormat, Stack } from "aws-cdk-lib";
import type * as logs from "aws-cdk-lib/aws-logs";

import { clusterRolePatterns, type ClusterRolePurpose } from "../../shared/config/cluster-roles.ts";
import type { Fleet } from "../../shared/config/fleet.ts";
import { assertNever } from "../../shared/runtime/assert-never.ts";
import type { ResourceName } from "../permissions.ts";
import type { EngineSecrets } from "./engine-secrets.ts";
import { functionName } from "./engine-function.ts";
import type { Store } from "./store.ts";
import type { WorkQueues } from "./work-queue.ts";

export interface ResourceArns {
  of(resource: ResourceName, log: logs.ILogGroup): readonly string[];
}

export interface NamedResources {
  readonly fleet: Fleet;
  readonly store: Store;
  readonly queues: WorkQueues;
  readonly secrets: EngineSecrets;
}

export function createResourceArns(stack: Stack, { fleet, store, queues, secrets }: NamedResources): ResourceArns {
  return {
    of(resource, log) {
      const [type, ...rest] = resource.split("/") as [Head<ResourceName>, ...string[]];
      const name = rest.join("/");
      switch (type) {
        case "table":
          return [store.table.tableArn];
        case "index":
          return [`${store.table.tableArn}/index/${name}`];
        case "bucket":
          return [name === "" ? store.bucket.bucketArn : store.bucket.arnForObjects(name)];
        case "key":
          return [store.key.keyArn];
        case "queue":
          return [queues[name as keyof WorkQueues].queue.queueArn];
        case "secret":
          return [secrets[name as "webhook" | "digest"].secretArn];
        case "function":
          return [functionArn(stack, functionName(fleet.engine, "render"))];
        case "role":
          return clusterRolePatterns(fleet, name as ClusterRolePurpose, stack);
        case "log":
          return [log.logGroupArn];
        default:
          return assertNever(type);
      }
    },
  };
}

type Head<T extends string> = T extends `${infer First}/${string}` ? First : T;

function functionArn(stack: Stack, name: string): string {
  return stack.formatArn({
    service: "lambda",
    resource: "function",
    resourceName: name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
