import { defineConfig } from 'vitest/config'

const shared = { pool: 'forks', testTimeout: 30_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    // Many tests wait, for leases and for processes to start.
    maxWorkers: 3,
    projects: [
      {
        test: {
          ...shared,
          name: 'perdure',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/tidy.test.ts', 'test/mock-llm/**'],
          globalSetup: ['test/global-setup.ts'],
        },
      },
      { test: { ...shared, name: 'tidy', include: ['test/tidy.test.ts'] } },
    ],
  },
})
