/** Content in the bucket. Keys are content-addressed or rebuilt when missing: a missing key is never an error. */
export interface BlobStore {
  /** Undefined when the key does not exist. */
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array, contentType?: string): Promise<void>;
  exists(key: string): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Keys under a prefix. */
  list(prefix: string): Promise<readonly string[]>;
  /** URLs that allow exactly one operation on one key, for the render function, which has no rights of its own. */
  presignGet(key: string, expiresSeconds: number): Promise<string>;
  presignPut(key: string, expiresSeconds: number): Promise<string>;
}
