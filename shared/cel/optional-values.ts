/** What CEL does with optional values: how they are made, asked, compared and put into literals. */
import { isCelList, isZero, Optional, typeName, type Value } from "./value.ts";

type Equality = (left: Value, right: Value) => boolean;

/**
 * Functions and methods of optional values, and those that give one; undefined for all others.
 *
 * @param isEqual `_==_` of what two optional values hold
 */
export function optionalCall(
  name: string,
  target: Value | undefined,
  args: readonly Value[],
  isEqual: Equality,
): Value | undefined {
  const [first = null, second = null] = args;
  switch (name) {
    case "optional.of":
      return new Optional(first);
    case "optional.ofNonZeroValue":
      return isZero(first) ? Optional.none : new Optional(first);
    case "optional.none":
      return Optional.none;
    case "_==_":
    case "_!=_":
      if (!(first instanceof Optional) && !(second instanceof Optional)) return undefined;
      return equalOptionals(first, second, isEqual) === (name === "_==_");
    case "first":
    case "last":
      if (target === undefined || target instanceof Optional || !isCelList(target) || args.length > 0) return undefined;
      return target.size === 0 ? Optional.none : new Optional(target.get(name === "first" ? 0 : target.size - 1));
  }
  return target instanceof Optional ? optionalMethod(name, target, first) : undefined;
}

function optionalMethod(name: string, target: Optional, other: Value): Value | undefined {
  switch (name) {
    case "hasValue":
      return target.value !== undefined;
    case "value":
      if (target.value === undefined) throw new Error("optional.none() dereference");
      return target.value;
    case "or":
      return target.value === undefined ? other : target;
    case "orValue":
      return target.value ?? (target.value === null ? null : other);
    default:
      return undefined;
  }
}

function equalOptionals(left: Value, right: Value, isEqual: Equality): boolean {
  if (!(left instanceof Optional) || !(right instanceof Optional)) return false;
  if (left.value === undefined || right.value === undefined) return left.value === right.value;
  return isEqual(left.value, right.value);
}

/** The element or entry that a literal gets: none where an optional one is empty. */
export function given(value: Value, optional: boolean): readonly Value[] {
  if (!optional) return [value];
  if (!(value instanceof Optional))
    throw new Error(`cannot initialize optional list element from non-optional value of type ${typeName(value)}`);
  return value.value === undefined ? [] : [value.value];
}
