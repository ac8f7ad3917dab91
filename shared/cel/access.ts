/** Reads fields, keys and elements, through optional values too, in cel-go's words where there is none. */
import { isCelList, isCelMap, isCelUint, lookUp, Optional, typeName, type Value } from "./value.ts";

export function select(operand: Value, field: string, optional: boolean): Value {
  if (operand instanceof Optional || optional) {
    const inner = operand instanceof Optional ? operand.value : operand;
    const value = inner === undefined ? undefined : find(inner, field);
    return value === undefined ? Optional.none : new Optional(value);
  }
  const value = find(operand, field);
  if (value === undefined) throw new Error(`no such key: ${field}`);
  return value;
}

export function hasField(operand: Value, field: string): boolean {
  const inner = operand instanceof Optional ? operand.value : operand;
  return inner !== undefined && find(inner, field) !== undefined;
}

/** What stands under a key or an index; undefined where nothing can. @throws Error for an index of a wrong type */
function find(container: Value, key: Value): Value | undefined {
  if (container instanceof Optional) return container.value === undefined ? undefined : find(container.value, key);
  if (isCelMap(container)) return lookUp(container, key);
  if (!isCelList(container)) return undefined;
  const index = key instanceof Optional || !isCelUint(key) ? key : key.value;
  if (typeof index !== "bigint" && typeof index !== "number")
    throw new Error(`unsupported index type '${typeName(index)}' in list`);
  if (typeof index === "number" && !Number.isInteger(index))
    throw new Error(`unsupported index value ${index} in list`);
  return container.get(Number(index));
}

export function index(operand: Value, key: Value, optional: boolean): Value {
  if (optional || operand instanceof Optional) {
    const value = find(operand, key);
    return value === undefined ? Optional.none : new Optional(value);
  }
  const value = find(operand, key);
  if (value !== undefined) return value;
  const word = wordOf(key);
  throw new Error(isCelList(operand) ? `index out of bounds: ${word}` : `no such key: ${word}`);
}

function wordOf(key: Value): string {
  if (typeof key === "object") return key !== null && isCelUint(key) ? String(key.value) : typeName(key);
  return String(key);
}
