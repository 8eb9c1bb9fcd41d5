import { defineConfig } from 'vitest/config'

/** Projects of one group run side by side; the groups one after another: what measures time wants the machine to itself. */
const project = (name: string, groupOrder: number, extra: object = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`, `test/${name}/**/*.test.tsx`],
    testTimeout: 20_000,
    sequence: { groupOrder },
    ...extra,
  },
})
const globalSetup = ['test/support/database/postgres.ts']
const alone = { globalSetup, testTimeout: 180_000, hookTimeout: 600_000, fileParallelism: false }

export default defineConfig({
  test: {
    projects: [
      project('unit', 0),
      project('app', 1, { globalSetup, testTimeout: 60_000, hookTimeout: 120_000 }),
      project('e2e', 2, alone),
      project('web', 3, alone),
    ],
  },
})
