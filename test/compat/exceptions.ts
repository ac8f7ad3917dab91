/**
 * The intended differences: the table of docs/compatibility.md. Its last column says in code spans where a row applies:
 * `[case:<glob>] <object> <path> [s/<pattern>/<replacement>/]`, where `*` stands for anything. With a pattern the values
 * must be equal once it is replaced on both sides; without one whatever is found there is intended.
 */
import type { Difference } from "./compare.ts";

export interface Exception {
  readonly id: string;
  readonly places: readonly ExceptedPlace[];
}

interface ExceptedPlace {
  /** As it is written. */
  readonly text: string;
  matches(difference: Difference): boolean;
}

const columns = ["id", "where it shows"] as const;

/** @throws when the table is not there, has an id twice, or a place that cannot be read */
export function parseExceptions(markdown: string): readonly Exception[] {
  const rows = tableRows(markdown);
  const [head = []] = rows;
  const [idAt, whereAt] = columns.map((name) => head.indexOf(name)) as [number, number];
  if (idAt < 0 || whereAt < 0) throw new Error(`no table with the columns ${columns.join(" and ")}`);
  const exceptions = rows.slice(2).map((cells) => ({
    id: cells[idAt] ?? "",
    places: [...(cells[whereAt] ?? "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) => parsePlace(text)),
  }));
  const twice = exceptions.find(({ id }, index) => exceptions.findIndex((other) => other.id === id) !== index);
  if (twice) throw new Error(`two rows have the id ${twice.id}`);
  return exceptions;
}

/** Cells of the table whose head has an `id`; a vertical line in a cell is written with a backslash. */
function tableRows(markdown: string): readonly (readonly string[])[] {
  const lines = markdown.split("\n");
  const from = lines.findIndex((line) => /^\|\s*id\s*\|/.test(line));
  const after = lines.slice(Math.max(from, 0));
  const end = after.findIndex((line) => !line.startsWith("|"));
  return after
    .slice(0, end < 0 ? undefined : end)
    .map((line) => (line.match(/(?:\\\||[^|])+/g) ?? []).map((cell) => cell.replaceAll("\\|", "|").trim()));
}

const placeForm = /^(?:case:(?<case>\S+) )?(?<object>\S+) (?<path>.*?)(?: s\/(?<from>(?:\\.|[^/])+)\/(?<to>[^/]*)\/)?$/;

export function parsePlace(text: string): ExceptedPlace {
  const { case: onCase = "*", object = "", path = "", from, to = "" } = placeForm.exec(text)?.groups ?? {};
  if (object === "" || path === "")
    throw new Error(`cannot read \`${text}\` as [case:<glob>] <object> <path> [s/…/…/]`);
  const fields = [glob(onCase), glob(object), glob(path)] as const;
  const pattern = from === undefined ? undefined : new RegExp(from, "g");
  return {
    text,
    matches: (difference) => {
      const values = [difference.case, difference.object, difference.path];
      if (!fields.every((field, index) => field.test(values[index] ?? ""))) return false;
      if (!pattern) return true;
      const rewrite = (value: unknown) => (typeof value === "string" ? value.replace(pattern, to) : value);
      return rewrite(difference.flux) === rewrite(difference.driftless);
    },
  };
}

function glob(text: string): RegExp {
  const parts = text.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

export interface Explained {
  readonly unexplained: readonly Difference[];
  /** How often each place of a row was the reason, as `<id>: <place>`. */
  readonly uses: ReadonlyMap<string, number>;
}

/** The first row that fits explains a difference. */
export function explain(differences: readonly Difference[], exceptions: readonly Exception[]): Explained {
  const places = exceptions.flatMap(({ id, places: all }) =>
    all.map((place) => ({ name: `${id}: ${place.text}`, place })),
  );
  const uses = new Map(places.map(({ name }) => [name, 0]));
  const unexplained = differences.filter((difference) => {
    const found = places.find(({ place }) => place.matches(difference));
    if (found) uses.set(found.name, (uses.get(found.name) ?? 0) + 1);
    return !found;
  });
  return { unexplained, uses };
}
