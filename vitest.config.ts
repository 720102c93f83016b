import { defineConfig } from 'vitest/config'

const shared = { pool: 'forks', testTimeout: 30_000, hookTimeout: 60_000 } as const

/** What brings its own database, or none: another one changes nothing for it. */
const OWN_DATABASE = [
  'src/store/embedded/**',
  'test/e2e/{bad-input,command,demo,killed-database,letta-code,readme}.test.ts',
]

export default defineConfig({
  test: {
    // Each has servers of its own, and one database server takes a hundred connections.
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'perdure',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [
            'test/tidy.test.ts',
            'test/mock-llm/**',
            ...(process.env.TEST_DATABASE_URL ? OWN_DATABASE : []),
          ],
          globalSetup: ['test/global-setup.ts'],
        },
      },
      { test: { ...shared, name: 'tidy', include: ['test/tidy.test.ts'] } },
    ],
  },
})
