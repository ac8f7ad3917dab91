/** Regular expressions in Go's syntax (RE2), as far as names, kinds and namespaces need it; ASCII only. */

const posixClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  punct: "!-/:-@[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** One step of Go's syntax that JavaScript writes otherwise, or reads as something that Go refuses. */
const foreign =
  /\\Q([\s\S]*?)(?:\\E|$)|\[:(\^?)([a-z]+):\]|\(\?P<|(\(\?<?[=!])|(\\(?:[1-9]|k<|[pP]))|\\([Az])|\\[\s\S]/g;

/**
 * Matches the whole text, as `^(?:…)$`.
 * @throws Error in Go's words when the expression is not one
 */
export function parseAnchoredGoRegExp(pattern: string): RegExp {
  const [flagged = "", flags = ""] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const source = pattern.slice(flagged.length).replace(foreign, translate);
  try {
    return new RegExp(`^(?:${source})$`, flags.replace("m", ""));
  } catch {
    throw new Error(`error parsing regexp: \`^(?:${pattern})$\` is not a regular expression`);
  }
}

function translate(
  step: string,
  quoted: string | undefined,
  isNot: string | undefined,
  posix: string | undefined,
  look: string | undefined,
  escape: string | undefined,
  anchor: string | undefined,
): string {
  if (quoted !== undefined) return quoted.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  if (look !== undefined) throw new Error(`error parsing regexp: invalid or unsupported Perl syntax: \`${look}\``);
  if (escape !== undefined) throw new Error(`error parsing regexp: invalid escape sequence: \`${escape}\``);
  if (anchor !== undefined) return anchor === "A" ? "^" : "$";
  if (posix === undefined) return step === "(?P<" ? "(?<" : step;
  const members = posixClasses[posix];
  if (members === undefined || isNot !== "")
    throw new Error(`error parsing regexp: invalid character class range: \`${step}\``);
  return members;
}
