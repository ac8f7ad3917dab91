/** The part of kubectl's JSONPath that printer columns and scale paths use: fields, indexes, `[*]` and `[?(@.a=="b")]`. */
import { isObj } from "./json.ts";

const STEP = /\.?\[\?\(@\.([\w.-]+)\s*==\s*['"]([^'"]*)['"]\)\]|\.?\[(\d+|\*)\]|\.?\['([^']+)'\]|\.((?:[\w-]|\\\.)+)/gy;

/** Every value that the path finds. */
export function evaluatePath(root: unknown, path: string): unknown[] {
  let values: unknown[] = [root];
  const text = path.startsWith(".") || path.startsWith("[") ? path : `.${path}`;
  for (const [, filterField, wanted, index, quoted, plain] of text.matchAll(STEP)) {
    const field = quoted ?? plain?.replaceAll("\\.", ".");
    values = values.flatMap((value): unknown[] => {
      if (filterField !== undefined)
        return items(value).filter((item) => evaluatePath(item, `.${filterField}`)[0] === wanted);
      if (index === "*") return items(value);
      if (index !== undefined) return items(value).slice(Number(index), Number(index) + 1);
      return isObj(value) && field !== undefined && value[field] !== undefined ? [value[field]] : [];
    });
  }
  return values;
}

const items = (value: unknown): unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : isObj(value) ? Object.values(value) : [];
