/** Decrypts what a build made of SOPS files: an object with its metadata under `sops`, without comments and MAC. */
import { isCiphertext, type DataKey, decryptValue } from "./cipher.ts";
import { type DataKeyOptions, openDataKey } from "./data-key.ts";
import type { KeyOpeners } from "./keys/opener.ts";
import { type Metadata, metadataOf } from "./metadata.ts";
import { createSelector, type IsEncrypted } from "./selector.ts";
import { SopsError } from "./sops-error.ts";
import { Comment, Time, type Value } from "./tree.ts";

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of any kind: what decides is a MAC. */
export const isEncryptedObject = (object: Fields): boolean =>
  isFields(object.sops) && typeof object.sops.mac === "string" && object.sops.mac !== "";

/**
 * The object without `sops`. Its MAC is not verified: the build added names, labels and namespaces, as with Flux.
 * @param where names the object in messages, e.g. `Secret/apps/database`
 * @throws SopsError naming the object and the path; its message holds no value
 */
export async function decryptObject(
  { where, object }: { readonly where: string; readonly object: Fields },
  openers: KeyOpeners,
  options: DataKeyOptions = {},
): Promise<Fields> {
  const { sops, ...content } = object;
  try {
    if (!isFields(sops)) throw new SopsError("not-encrypted", "the object has no sops metadata: it is not encrypted");
    const metadata = metadataOf(sops);
    return decryptFields(content, metadata, await openDataKey(metadata, openers, options));
  } catch (error) {
    if (error instanceof SopsError) throw new SopsError(error.code, `${where}: ${error.message}`);
    throw error;
  }
}

/** With the key at hand. @throws SopsError (`bad-value`) with the path */
export function decryptFields(content: Fields, { selector }: Pick<Metadata, "selector">, key: DataKey): Fields {
  // Comments did not survive the build: what has the form of a ciphertext is one.
  const byForm = selector.rule === "encrypted_comment_regex" || selector.rule === "unencrypted_comment_regex";
  const walk: Walk = { key, byForm, isEncrypted: createSelector(selector), path: [] };
  return walkFields(content, walk);
}

interface Walk {
  readonly key: DataKey;
  readonly byForm: boolean;
  readonly isEncrypted: IsEncrypted;
  readonly path: string[];
}

const noComments: readonly (readonly string[])[] = [];

function walkFields(fields: Fields, walk: Walk): Fields {
  const plain: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    walk.path.push(name);
    const value = walkValue(fields[name], walk);
    walk.path.pop();
    if (name === "__proto__") Object.defineProperty(plain, name, { value, enumerable: true, writable: true });
    else plain[name] = value;
  }
  return plain;
}

function walkValue(value: unknown, walk: Walk): unknown {
  if (value === null || value === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => walkValue(item, walk));
  if (isFields(value)) return walkFields(value, walk);
  if (!mustDecrypt(value, walk)) return value;
  if (typeof value !== "string") throw at(walk, "it is not encrypted, although the file's rules say so");
  try {
    return jsonOf(decryptValue(value, walk.key, `${walk.path.join(":")}:`));
  } catch (error) {
    if (error instanceof SopsError) throw at(walk, error.message);
    throw error;
  }
}

const mustDecrypt = (value: unknown, walk: Walk): boolean =>
  walk.byForm
    ? typeof value === "string" && isCiphertext(value)
    : walk.isEncrypted({ path: walk.path, comments: noComments, isComment: false });

const at = ({ path }: Walk, message: string): SopsError =>
  new SopsError("bad-value", `the value at ${path.join(".")} cannot be decrypted: ${message}`);

/** As the value would come back from JSON; whole numbers beyond 2^53 stay exact. */
function jsonOf(value: Value): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Time) return value.rfc3339;
  if (value instanceof Comment) return value.text;
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
}
