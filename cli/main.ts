/** The program: gives the commands this process' streams, clock and environment, and ends with Flux's exit codes. */
import { createInterface } from "node:readline/promises";

import { systemClock } from "../shared/runtime/clock.ts";
import { logs } from "./commands/logs.ts";
import { conclude } from "./conclude.ts";
import { connect } from "./connect.ts";
import { logLines } from "./log-lines.ts";
import { CommandError, type CliPorts } from "./ports.ts";
import { withGoFlags } from "./go-flags.ts";
import { locateBuildTools } from "./local-build/locate-build-tools.ts";
import { createProgram } from "./program.ts";
import { readRunFile } from "./run-file.ts";

const version = "0.1.0";

// The locked SDK runs on every Node that we support; its notice about later ones is not for the user.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

const out = (text: string) => void process.stdout.write(text);
const err = (text: string) => void process.stderr.write(text);

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CommandError(`${question}? There is no terminal to ask, pass --silent to confirm`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/iu.test((await terminal.question(`? ${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

async function main(): Promise<number> {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort(new CommandError("interrupted")));
  const { signal } = interrupted;
  const program = createProgram(
    {
      version,
      now: () => Date.now(),
      connect: async (options): Promise<CliPorts> => {
        const connected = await connect(options, process.env);
        return { ...connected, out, err, confirm, clock: systemClock, signal, ...columnsOf(process.stdout) };
      },
      out,
      signal,
      workingDirectory: process.cwd(),
      buildTools: () => locateBuildTools(process.env),
      logs: async ({ follow = false, ...options }) => {
        const run = await readRunFile();
        if (!run?.logs)
          throw new CommandError(
            "no engine runs on this machine; read the log groups of its functions in CloudWatch Logs",
          );
        await logs({ lines: logLines({ directory: run.logs, follow, clock: systemClock, signal }), out }, options);
      },
    },
    process.env,
  );
  try {
    await program.exitOverride().parseAsync(withGoFlags(program, process.argv.slice(2)), { from: "user" });
    return 0;
  } catch (error) {
    const { exitCode, text } = conclude(error);
    err(text);
    return exitCode;
  }
}

const columnsOf = ({ columns }: { readonly columns?: number }) => (columns === undefined ? {} : { columns });

process.exitCode = await main();
