import { defineConfig } from 'vitest/config';
import type { ViteUserConfig } from 'vitest/config';

// Tests run on the packages' sources: vite resolves by the first list, the module runner by the second.
const conditions: string[] = ['@odegrad/source', 'module', 'node', 'development|production'];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    // Every program is verified as it is made.
    env: { ODEGRAD_VERIFY: '1' },
  },
});

export default config;
