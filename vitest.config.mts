import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const lib = (name: string) => fileURLToPath(new URL(`./dist/libs/${name}/src/index.js`, import.meta.url));

// Tests of anything that starts a thread or a process import the built libs, so that they judge what ships.
export default defineConfig({
  resolve: {
    alias: Object.fromEntries(
      ['core', 'metadata', 'storage', 'locking', 'auth', 'limiting'].map((name) => [`@callfs/${name}`, lib(name)]),
    ),
  },
  test: {
    include: ['{apps,libs,test}/**/*.{spec,test}.ts'],
    server: { deps: { external: [/\/dist\//] } },
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: ['default'],
    // The servers that the tests start are processes of their own, which want a core as well.
    maxWorkers: 2,
    globalSetup: ['test/support/leak-check.ts'],
  },
});
