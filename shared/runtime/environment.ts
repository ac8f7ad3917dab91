/** Reads the environment once and fails naming the variable. */
export type Environment = Readonly<Record<string, string | undefined>>;

export function requireVariable(environment: Environment, name: string): string {
  const value = environment[name]?.trim();
  if (!value)
    throw new Error(`environment variable ${name} is not set: deploy the function with the stack that sets it`);
  return value;
}

/** The local runner gives its functions an AWS on loopback, where their clusters are as well. */
export const runsOnThisMachine = ({ AWS_ENDPOINT_URL: url = "" }: Environment): boolean =>
  /^http:\/\/127\.0\.0\.1[:/]/.test(url);
