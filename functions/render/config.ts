/** The render function's environment, read once. */

export interface RenderConfig {
  /** The kubectl binary of the layer. */
  readonly kubectl: string;
  /** Directory that belongs to this function alone and is emptied around every invocation. */
  readonly scratch: string;
}

/** @throws Error naming the variable that is missing */
export function readConfig(env: Readonly<Record<string, string | undefined>>): RenderConfig {
  const kubectl = env.DRIFTLESS_KUBECTL;
  if (!kubectl)
    throw new Error("environment variable DRIFTLESS_KUBECTL is not set: want the path of the layer's kubectl");
  return { kubectl, scratch: env.DRIFTLESS_SCRATCH || "/tmp/driftless" };
}
