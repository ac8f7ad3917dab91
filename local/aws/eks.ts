/** EKS: DescribeCluster answers with the sandbox's or the proxy's address, from a registry given at start. */
import { AwsError, type AwsRequest, type Emulator, jsonResponse, notEmulated } from "./protocol.ts";

export interface ClusterEndpoint {
  /** URL of the API server. */
  readonly endpoint: string;
  /** Certificate authority, PEM. */
  readonly caPem: string;
}

/** By cluster ARN. */
export function createEks(clusters: ReadonlyMap<string, ClusterEndpoint>): Emulator {
  const find = (request: AwsRequest): readonly [string, ClusterEndpoint | undefined] => {
    const name = /^\/clusters\/([^/]+)$/.exec(request.path)?.[1];
    if (name === undefined || request.method !== "GET") throw notEmulated("EKS", `${request.method} ${request.path}`);
    const suffix = `:${request.region}:${request.caller.account}:cluster/${decodeURIComponent(name)}`;
    return [...clusters].find(([arn]) => arn.endsWith(suffix)) ?? [`arn:aws:eks${suffix}`, undefined];
  };
  return {
    service: "eks",
    protocol: "rest-json",
    deniedCode: "AccessDeniedException",
    permissions: (request) => [{ action: "eks:DescribeCluster", resource: find(request)[0] }],
    async handle(request) {
      const [arn, cluster] = find(request);
      const name = arn.slice(arn.lastIndexOf("/") + 1);
      if (cluster === undefined)
        throw new AwsError("ResourceNotFoundException", 404, `No cluster found for name: ${name}.`);
      return jsonResponse({
        cluster: {
          ...{ name, arn, status: "ACTIVE", version: "1.36", endpoint: cluster.endpoint },
          certificateAuthority: { data: Buffer.from(cluster.caPem).toString("base64") },
          accessConfig: { authenticationMode: "API" },
        },
      });
    },
  };
}
