/** Flags as Go's CLIs take them: `--wait=true` is `--wait`, `--wait=false` is no flag at all, `-n=apps` is `-n apps`. */
import type { Command } from "commander";

/** Every other argument stays as it is. */
export function withGoFlags(program: Command, given: readonly string[]): readonly string[] {
  const flags = booleanFlags(program);
  const end = given.indexOf("--");
  return given.flatMap((argument, index) => {
    if (end >= 0 && index > end) return [argument];
    const [, short, attached] = /^(-[a-zA-Z])=(.*)$/s.exec(argument) ?? [];
    if (short !== undefined && attached !== undefined) return [short, attached];
    const [, flag = "", value = ""] = /^(--[a-z-]+)=(true|false)$/.exec(argument) ?? [];
    if (!flags.has(flag)) return [argument];
    return value === "true" ? [flag] : [];
  });
}

function booleanFlags(command: Command): ReadonlySet<string> {
  const own = command.options.filter((option) => option.isBoolean() && !option.negate).map(({ long }) => long ?? "");
  return new Set([...own, ...command.commands.flatMap((below) => [...booleanFlags(below)])]);
}
