/** `sops decrypt` and `sops verify`: the engine's own reader on files of this machine, with the person's own keys. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { decryptFile } from "../../shared/sops/decrypt-file.ts";
import { type Format, formatOfPath, parseFormat } from "../../shared/sops/formats.ts";
import { createAgeOpener } from "../../shared/sops/keys/age.ts";
import { type AgeIdentity, parseAgeIdentities, parseSshIdentity } from "../../shared/sops/keys/age-identities.ts";
import type { KeyOpeners } from "../../shared/sops/keys/opener.ts";
import { createPgpOpener, type PgpKey, readPgpKeys } from "../../shared/sops/keys/pgp.ts";
import type { PlainBytes } from "../../shared/sops/plain-bytes.ts";
import { SopsError } from "../../shared/sops/sops-error.ts";
import { textOf } from "../../shared/sops/tree.ts";
import { CommandError } from "../ports.ts";

export interface SopsWorld {
  readonly out: (text: string) => void;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opens what KMS encrypted, with the person's own credentials. */
  readonly kms?: KeyOpeners["kms"];
}

export interface SopsOptions {
  /** Files with private keys: of age, of SSH or of OpenPGP. */
  readonly key?: readonly string[];
  readonly inputType?: string;
  readonly outputType?: string;
  readonly output?: string;
  readonly ignoreMac?: boolean;
}

/** @throws CommandError when the file cannot be read, opened or trusted */
export async function sopsDecrypt(world: SopsWorld, file: string, options: SopsOptions): Promise<void> {
  const openers = await keysAtHand(world, options);
  const plain = await decrypt(world, file, openers, options);
  if (options.output === undefined) {
    world.out(requireText(plain, file));
    return;
  }
  writeFileSync(resolve(world.workingDirectory, options.output), plain.reveal(), { mode: 0o600 });
}

/** Looks at all of them before it ends. @throws CommandError when one is not as SOPS left it */
export async function sopsVerify(world: SopsWorld, files: readonly string[], options: SopsOptions): Promise<void> {
  const openers = await keysAtHand(world, options);
  let failed = 0;
  for (const file of files) {
    try {
      await decrypt(world, file, openers, { ...options, ignoreMac: false });
      world.out(`${file}: every value decrypts and the MAC fits\n`);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      failed += 1;
      world.out(`${error.message}\n`);
    }
  }
  if (failed > 0) throw new CommandError(`${failed} of ${files.length} files did not pass`);
}

async function decrypt(
  world: SopsWorld,
  file: string,
  openers: KeyOpeners,
  { inputType, outputType, ignoreMac = false }: SopsOptions,
): Promise<PlainBytes> {
  const input = formatNamed(inputType) ?? formatOfPath(file);
  const output = formatNamed(outputType) ?? input;
  const bytes = read(world, file);
  const options = { verifyMac: !ignoreMac };
  return explained(async () => (await decryptFile({ where: file, bytes }, { input, output }, openers, options)).plain);
}

function formatNamed(name: string | undefined): Format | undefined {
  if (name === undefined) return undefined;
  const format = parseFormat(name);
  if (format) return format;
  throw new CommandError(`"${name}" is no format: yaml, json, dotenv, ini and binary are`);
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SopsError) throw new CommandError(error.message);
    throw error;
  }
}

function read({ workingDirectory }: SopsWorld, file: string): Uint8Array {
  try {
    return readFileSync(resolve(workingDirectory, file));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new CommandError(`cannot read ${file} (${code})`);
  }
}

function requireText(plain: PlainBytes, file: string): string {
  const text = textOf(plain.reveal());
  if (typeof text === "string") return text;
  throw new CommandError(`${file} holds bytes that are no text: say with --output where to write them`);
}

/** From --key, and from where sops itself looks. */
async function keysAtHand(world: SopsWorld, { key = [] }: SopsOptions): Promise<KeyOpeners> {
  const { environment } = world;
  const identities: AgeIdentity[] = [];
  const pgp: PgpKey[] = [];
  for (const file of key) {
    const text = Buffer.from(read(world, file)).toString("utf8");
    await explained(async () => {
      if (text.includes("BEGIN PGP PRIVATE KEY BLOCK")) pgp.push(...(await readPgpKeys(text, file)));
      else if (text.includes("BEGIN OPENSSH PRIVATE KEY")) identities.push(parseSshIdentity(text, file));
      else identities.push(...parseAgeIdentities(text, file));
    });
  }
  await explained(async () => {
    const inline = environment.SOPS_AGE_KEY;
    if (inline) identities.push(...parseAgeIdentities(inline, "SOPS_AGE_KEY"));
    const file = ageKeyFile(environment);
    if (file) identities.push(...parseAgeIdentities(Buffer.from(read(world, file)).toString("utf8"), file));
  });
  return {
    age: createAgeOpener(identities),
    pgp: createPgpOpener(pgp),
    ...(world.kms ? { kms: world.kms } : {}),
  };
}

function ageKeyFile(environment: SopsWorld["environment"]): string | undefined {
  if (environment.SOPS_AGE_KEY_FILE) return environment.SOPS_AGE_KEY_FILE;
  const config = environment.XDG_CONFIG_HOME ?? (environment.HOME && join(environment.HOME, ".config"));
  const usual = config && join(config, "sops", "age", "keys.txt");
  return usual && existsSync(usual) ? usual : undefined;
}
