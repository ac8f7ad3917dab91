/** Takes the ARN of an EKS cluster apart. */

export interface ClusterArn {
  readonly partition: string;
  readonly region: string;
  /** 12 digits. */
  readonly account: string;
  /** The cluster's name in EKS, which need not be its name in the fleet. */
  readonly cluster: string;
}

const pattern = /^arn:(aws[a-z-]*):eks:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):cluster\/([0-9A-Za-z][0-9A-Za-z_-]{0,99})$/;

/** Undefined for anything that is not the ARN of an EKS cluster. */
export function parseClusterArn(arn: string): ClusterArn | undefined {
  const [, partition, region, account, cluster] = pattern.exec(arn) ?? [];
  if (!partition || !region || !account || !cluster) return undefined;
  return { partition, region, account, cluster };
}
