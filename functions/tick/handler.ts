/** Runs every minute: what is due goes to its queue. */
import { compose } from "./compose.ts";

const run = compose(process.env);

export async function handler(): Promise<{ readonly claimed: number }> {
  return run();
}
