// Loads one function's bundle and says how long that took. A missing variable is the function's own word, not a defect.
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const [, , bundle = ""] = process.argv;
const begun = performance.now();
try {
  const { handler } = await import(pathToFileURL(resolve(bundle)).href);
  if (typeof handler !== "function") throw new Error("exports no handler");
} catch (error) {
  if (!/^environment variable \S+ is not set/.test(error.message)) throw error;
}
console.log(`${bundle} loads in ${Math.round(performance.now() - begun)} ms`);
