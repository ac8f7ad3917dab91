/** Where in a tree the content of remote references lies. */
import { createHash } from "node:crypto";

import type { RemoteNeed } from "./protocol.ts";

export const mountRoot = ".driftless-remote";
const mountPattern = /^\.driftless-remote\/[0-9a-f]{16}(?=\/|$)/;

export const mountOf = ({ as, url }: RemoteNeed): string =>
  `${mountRoot}/${createHash("sha256").update(`${as} ${url}`).digest("hex").slice(0, 16)}`;

/** The mount that a path lies in. */
export const findMount = (path: string): string | undefined => mountPattern.exec(path)?.[0];
