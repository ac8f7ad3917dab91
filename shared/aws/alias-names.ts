/** Replaces the attribute names of our expressions by placeholders, so that DynamoDB's 573 reserved words do not matter. */
import { tokenize } from "../lease/expression-tokens.ts";

export interface NameAliases {
  /** The expression with `#n0`, `#n1`, … for its names. */
  readonly alias: (expression: string) => string;
  /** `ExpressionAttributeNames` for what was aliased so far. */
  readonly names: Readonly<Record<string, string>>;
}

export function createNameAliases(): NameAliases {
  const names: Record<string, string> = {};
  const placeholders = new Map<string, string>();
  const placeholderOf = (name: string): string => {
    const known = placeholders.get(name);
    if (known !== undefined) return known;
    const placeholder = `#n${placeholders.size}`;
    placeholders.set(name, placeholder);
    names[placeholder] = name;
    return placeholder;
  };
  return {
    names,
    alias: (expression) =>
      tokenize(expression)
        .map((token) => (token.kind === "name" ? placeholderOf(token.text) : token.text))
        .join(" "),
  };
}
