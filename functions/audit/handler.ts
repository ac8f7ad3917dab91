/** Reads the audit logs of clusters, as CloudWatch Logs delivers them. */
import { compose } from "./compose.ts";

const read = compose(process.env);

export async function handler(event: unknown): Promise<void> {
  await read(event);
}
