import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/cluster/**", "test/aws/**", "node_modules/**"],
    testTimeout: 30_000,
    // Many tests wait for a process or a clock: one file more than there are cores keeps the cores busy.
    maxWorkers: availableParallelism() + 1,
  },
});
