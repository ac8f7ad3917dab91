import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/cluster/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 600_000, fileParallelism: false },
});
