/** The grammar of `sops decrypt` and `sops verify`. */
import type { Command } from "commander";

import { sopsDecrypt, type SopsOptions, sopsVerify, type SopsWorld } from "./commands/sops.ts";
import { connectKms } from "./connect-kms.ts";
import type { ProgramPorts } from "./program-ports.ts";

export function addSopsVerbs(
  program: Command,
  { out, workingDirectory }: ProgramPorts,
  environment: SopsWorld["environment"],
): void {
  const world: SopsWorld = { out, workingDirectory, environment, kms: connectKms() };
  const parent = program.command("sops").description("read files that SOPS encrypted, as the engine reads them");
  withKeys(parent.command("decrypt <file>"))
    .description("print a file's plain text; a file that was changed since sops wrote it is refused")
    .option("--output-type <format>", "yaml, json, dotenv, ini or binary")
    .option("--output <file>", "write there instead, for its owner's eyes only")
    .option("--ignore-mac", "print what was changed as well")
    .action(async (file: string, options: SopsOptions) => sopsDecrypt(world, file, options));
  withKeys(parent.command("verify <files...>"))
    .description("say whether every value decrypts and nothing was changed; no value is printed")
    .action(async (files: string[], options: SopsOptions) => sopsVerify(world, files, options));
}

const withKeys = (command: Command): Command =>
  command
    .option("--key <file>", "private key of age, SSH or OpenPGP, may be repeated", collect)
    .option("--input-type <format>", "yaml, json, dotenv, ini or binary");

const collect = (file: string, before: readonly string[] = []): readonly string[] => [...before, file];
