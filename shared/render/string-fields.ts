/** Numbers and booleans where a kustomization wants text: Flux reads the root's as text, kustomize refuses them. */
import { isMapping, type Mapping } from "./references.ts";

type Shape =
  "text" | { readonly each: Shape } | { readonly values: Shape } | { readonly fields: Readonly<Record<string, Shape>> };

/** The fields in which people leave out quotes. */
const ROOT: Shape = {
  fields: {
    namespace: "text",
    namePrefix: "text",
    nameSuffix: "text",
    commonLabels: { values: "text" },
    commonAnnotations: { values: "text" },
    labels: { each: { fields: { pairs: { values: "text" } } } },
    images: { each: { values: "text" } },
    replicas: { each: { fields: { name: "text" } } },
    configMapGenerator: { each: { fields: { name: "text", namespace: "text" } } },
    secretGenerator: { each: { fields: { name: "text", namespace: "text" } } },
  },
};

/** The root kustomization with text in its text fields: `newTag: 1.10` is the tag `1.1`, as it is to Flux. */
export function withTextFields(kustomization: Mapping): Mapping {
  return convert(kustomization, ROOT) as Mapping;
}

function convert(value: unknown, shape: Shape): unknown {
  if (shape === "text") return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
  if ("each" in shape) return Array.isArray(value) ? value.map((item: unknown) => convert(item, shape.each)) : value;
  if (!isMapping(value)) return value;
  const shapeOf = (field: string): Shape | undefined => ("values" in shape ? shape.values : shape.fields[field]);
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => {
      const innerShape = shapeOf(field);
      return [field, innerShape === undefined ? inner : convert(inner, innerShape)];
    }),
  );
}
