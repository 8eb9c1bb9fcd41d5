import { defineConfig } from 'vitest/config'

const project = (name: string, extra: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: 20_000, ...extra },
})

export default defineConfig({
  test: {
    projects: [
      project('unit'),
      project('app', { testTimeout: 60_000, hookTimeout: 120_000 }),
      project('e2e', { testTimeout: 180_000, hookTimeout: 600_000, fileParallelism: false }),
      project('web', { testTimeout: 120_000, hookTimeout: 600_000, fileParallelism: false }),
    ],
  },
})
