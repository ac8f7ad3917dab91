/** Where a contract runs: the emulators of this machine, or an AWS account. */

export interface ContractTarget {
  /** Undefined for AWS itself. */
  readonly endpoint?: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** A queue that nothing consumes, with a visibility timeout of 30 s and a redrive to `deadLetterUrl` after 5 receives. */
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly bucket: string;
  /** Key `pk`, `sk`, both strings; index `due` on `dpk`, `dsk`. */
  readonly table: string;
  readonly keyId: string;
  /** HMAC_256. */
  readonly macKeyId: string;
  /** Holds a generated value of 48 characters. */
  readonly secretId: string;
}

/** What the SDK's clients take. */
export function clientConfig({ endpoint, region, credentials }: ContractTarget) {
  return { region, credentials, ...(endpoint === undefined ? {} : { endpoint }) };
}
