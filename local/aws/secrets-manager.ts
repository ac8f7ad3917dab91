/** Secrets Manager with one file per account: generated secrets are made once and stay the same over restarts. */
import { randomInt, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { type Json, integer, isRecord, optionalText, parseJson, text } from "../json.ts";
import type { Resource } from "../template.ts";
import { AwsError, type AwsRequest, type Emulator, jsonResponse, notEmulated, targetOperation } from "./protocol.ts";

export interface LocalSecrets {
  readonly api: Emulator;
  /** The current value. @throws Error when there is no such secret. */
  value(arn: string): string;
}

interface Stored {
  readonly value: string;
  readonly version: string;
  readonly createdAt: number;
}

export function createSecretsManager(secrets: readonly Resource[], file: string, now: () => number): LocalSecrets {
  const stored = new Map<string, Stored>(
    existsSync(file) ? Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, Stored>) : [],
  );
  const save = () => writeFileSync(file, JSON.stringify(Object.fromEntries(stored), null, 2), { mode: 0o600 });
  for (const { arn, properties } of secrets) {
    if (!stored.has(arn)) stored.set(arn, { value: initialValue(properties), version: randomUUID(), createdAt: now() });
  }
  save();

  /** By full ARN, by name, or by the ARN without its six random characters. */
  const find = (id: string): Resource => {
    const secret = secrets.find(({ arn, name }) => arn === id || name === id || arn.slice(0, -7) === id);
    if (secret === undefined) {
      throw new AwsError("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret.");
    }
    return secret;
  };
  const perform = (operation: string, body: Json): unknown => {
    const { arn, name } = find(text(body.SecretId, "SecretId"));
    if (operation === "PutSecretValue") {
      stored.set(arn, { value: text(body.SecretString, "SecretString"), version: randomUUID(), createdAt: now() });
      save();
    }
    const current = stored.get(arn);
    const described = { ARN: arn, Name: name, VersionId: current?.version, VersionStages: ["AWSCURRENT"] };
    if (operation !== "GetSecretValue") return described;
    return { ...described, SecretString: current?.value, CreatedDate: (current?.createdAt ?? 0) / 1000 };
  };

  return {
    api: {
      service: "secretsmanager",
      protocol: "json-1.1",
      deniedCode: "AccessDeniedException",
      permissions(request) {
        const operation = targetOperation(request);
        if (!["GetSecretValue", "PutSecretValue", "DescribeSecret"].includes(operation))
          throw notEmulated("Secrets Manager", operation);
        return [
          { action: `secretsmanager:${operation}`, resource: find(text(parse(request).SecretId, "SecretId")).arn },
        ];
      },
      handle: async (request) => jsonResponse(perform(targetOperation(request), parse(request))),
    },
    value(arn) {
      const secret = stored.get(find(arn).arn);
      if (secret === undefined) throw new Error(`secret ${arn} has no value`);
      return secret.value;
    },
  };
}

const parse = (request: AwsRequest): Json => parseJson(request.body.toString("utf8"), "the request");

function initialValue(properties: Json): string {
  const fixed = optionalText(properties.SecretString, "SecretString");
  if (fixed !== undefined) return fixed;
  const generate = properties.GenerateSecretString;
  const options: Json = isRecord(generate) ? generate : {};
  const password = generatePassword(options);
  const template = optionalText(options.SecretStringTemplate, "SecretStringTemplate");
  if (template === undefined) return password;
  const key = text(options.GenerateStringKey, "GenerateStringKey");
  return JSON.stringify({ ...parseJson(template, "SecretStringTemplate"), [key]: password });
}

function generatePassword(options: Json): string {
  const classes = [
    ["ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"],
    ["ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
    ["ExcludeNumbers", "0123456789"],
    ["ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
  ] as const;
  const excluded = optionalText(options.ExcludeCharacters, "ExcludeCharacters") ?? "";
  const alphabet = classes
    .filter(([flag]) => options[flag] !== true && options[flag] !== "true")
    .flatMap(([, characters]) => Array.from(characters))
    .filter((character) => !excluded.includes(character));
  return Array.from({ length: integer(options.PasswordLength, 32) }, () => alphabet[randomInt(alphabet.length)]).join(
    "",
  );
}
