/** One controller of Flux's, which may run as several Deployments: its flags become one value for all shards. */
import type { FluxController } from "../bootstrap/flux-controller.ts";
import type { SettingFlag } from "./flux-flags.ts";
import type { FlagType, GivenFlags } from "./parse-flags.ts";

export interface Shard {
  /** For messages: `Deployment/flux-system/kustomize-controller`. */
  readonly subject: string;
  readonly given: GivenFlags;
}

/** What must be said of the flags, gathered while they are read. */
export interface Findings {
  readonly refused: string[];
  readonly warnings: string[];
}

/** What shards that differ come to. Undefined when none of the values is safe for all. */
export type Among<T> = (values: readonly T[]) => T | undefined;

/** For what forbids: forbidden by one is forbidden by all. */
export const strictestIsTrue: Among<boolean> = (values) => values.includes(true);
/** For what allows. */
export const strictestIsFalse: Among<boolean> = (values) => !values.includes(false);
/** For a name that confines when it is set. */
export const strictestIsSet: Among<string> = (values) => only(values.filter(Boolean));
/** For a name that opens something when it is set. */
export const strictestIsUnset: Among<string> = (values) => (values.includes("") ? "" : only(values));
/** For lists that confine when they are set, and that nobody can rank. */
export const strictestIsListed: Among<readonly string[]> = (values) => only(values.filter(({ length }) => length > 0));

const only = <T>(values: readonly T[]): T | undefined => (areAlike(values) ? values[0] : undefined);
const areAlike = (values: readonly unknown[]): boolean =>
  new Set(values.map((value) => JSON.stringify(value))).size < 2;

export interface Shards {
  /** Of each shard. */
  readonly each: <T>(flag: SettingFlag, type: FlagType<T>) => readonly T[];
  /** @param among where absent, the value of the first shard counts, and a warning tells of the others */
  readonly one: <T>(flag: SettingFlag, type: FlagType<T>, among?: Among<T>) => T;
}

/** Values that the controller itself would refuse, and conflicts, are findings; the value is then that of no flag. */
export function createShards(controller: FluxController, shards: readonly Shard[], findings: Findings): Shards {
  const each = <T>(flag: SettingFlag, type: FlagType<T>) =>
    shards.map(({ subject, given }) => {
      try {
        return type.parse(given.values.get(flag) ?? []);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        findings.refused.push(`${subject}: --${flag}: ${error.message}; correct it, Flux would not start either`);
        return type.absent;
      }
    });
  const differ = (flag: SettingFlag, values: readonly unknown[]) =>
    `${controller}: its Deployments differ in --${flag} (${values.map((value) => JSON.stringify(value)).join(", ")})`;
  const one = <T>(flag: SettingFlag, type: FlagType<T>, among?: Among<T>): T => {
    const values = each(flag, type);
    const [first = type.absent] = values;
    if (areAlike(values)) return first;
    if (!among) {
      findings.warnings.push(`${differ(flag, values)}: the first one counts for all shards`);
      return first;
    }
    const strictest = among(values);
    if (strictest !== undefined) return strictest;
    findings.refused.push(`${differ(flag, values)}: no value is the strictest; give all of them the same`);
    return type.absent;
  };
  return { each, one };
}
