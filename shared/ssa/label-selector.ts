/** Label selectors in Kubernetes' syntax: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, `a>1`, `a<1`. */

export type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

const key = String.raw`(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?`;
const value = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const compared = new RegExp(`^(${key})\\s*(==|=|!=|>|<)\\s*(${value})$`);
const listed = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const present = new RegExp(`^(!?)\\s*(${key})$`);

/**
 * All requirements must hold; a label that is not there is unlike every value.
 * @throws Error naming the requirement that is none
 */
export function parseLabelSelector(text: string): Requirement {
  const terms = text.trim() === "" ? [] : text.split(/,(?![^()]*\))/);
  const requirements = terms.map((term) => parseRequirement(term.trim()));
  return (labels) => requirements.every((holds) => holds(labels));
}

function parseRequirement(term: string): Requirement {
  const [, name = "", operator, given = ""] = compared.exec(term) ?? listed.exec(term) ?? [];
  switch (operator) {
    case "=":
    case "==":
      return (labels) => labels[name] === given;
    case "!=":
      return (labels) => labels[name] !== given;
    case "in":
    case "notin": {
      const values = parseValues(given, term);
      return (labels) => values.has(labels[name]) === (operator === "in");
    }
    case ">":
    case "<": {
      const limit = parseInteger(given);
      if (limit === undefined) throw refused(term);
      const sign = operator === ">" ? 1 : -1;
      return (labels) => {
        const found = parseInteger(labels[name] ?? "");
        return found !== undefined && Math.sign(found - limit) === sign;
      };
    }
    default:
      return parsePresence(term);
  }
}

function parsePresence(term: string): Requirement {
  const [, not, name = ""] = present.exec(term) ?? [];
  if (not === undefined) throw refused(term);
  return (labels) => Object.hasOwn(labels, name) === (not === "");
}

function parseValues(list: string, term: string): ReadonlySet<string | undefined> {
  const values = list.split(",").map((entry) => entry.trim());
  if (!values.every((entry) => new RegExp(`^${value}$`).test(entry))) throw refused(term);
  return new Set(values);
}

const parseInteger = (text: string): number | undefined => (/^[-+]?\d+$/.test(text) ? Number(text) : undefined);

const refused = (term: string): Error => new Error(`unable to parse requirement '${term}'`);
