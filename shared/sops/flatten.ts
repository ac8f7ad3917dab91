/** Metadata of formats without nesting: `age__list_0__map_enc` stands for the field `enc` of the first age entry. */
import { SopsError } from "./sops-error.ts";
import { Branch, type Item, type Value } from "./tree.ts";

/** A list of a hundred million entries would be asked for by one line. */
const longestList = 1000;

interface Node {
  readonly list: boolean;
  readonly fields: Map<string, Node | string>;
}

/** @throws SopsError (`malformed`) when names contradict each other or a list has gaps */
export function unflatten(flat: readonly (readonly [name: string, value: string])[]): Branch {
  const root: Node = { list: false, fields: new Map() };
  for (const [name, value] of flat) place(root, stepsOf(name), value);
  return branchOf(root);
}

interface Step {
  readonly name: string;
  readonly isIndex: boolean;
}

function stepsOf(name: string): readonly Step[] {
  const parts = name.split(/(__map_|__list_)/);
  const steps: Step[] = [{ name: parts[0] ?? "", isIndex: false }];
  for (let at = 1; at < parts.length; at += 2)
    steps.push({ name: parts[at + 1] ?? "", isIndex: parts[at] === "__list_" });
  return steps;
}

function place(root: Node, steps: readonly Step[], value: string): void {
  let node = root;
  for (const [at, step] of steps.entries()) {
    if (step.isIndex !== node.list) throw contradiction();
    if (step.isIndex && (!/^\d+$/.test(step.name) || Number(step.name) >= longestList)) throw contradiction();
    const next = steps[at + 1];
    if (!next) {
      node.fields.set(step.name, value);
      return;
    }
    const known = node.fields.get(step.name) ?? { list: next.isIndex, fields: new Map<string, Node | string>() };
    if (typeof known === "string") throw contradiction();
    node.fields.set(step.name, known);
    node = known;
  }
}

const branchOf = (node: Node): Branch =>
  new Branch([...node.fields].map(([key, value]): Item => ({ key, value: valueOf(value) })));

function valueOf(node: Node | string): Value {
  if (typeof node === "string") return node;
  if (!node.list) return branchOf(node);
  return Array.from({ length: node.fields.size }, (_, index) => {
    const item = node.fields.get(String(index));
    if (item === undefined) throw contradiction();
    return valueOf(item);
  });
}

const contradiction = (): SopsError =>
  new SopsError("malformed", "the names of the sops metadata contradict each other, or a list of theirs has gaps");
