import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const lib = (name: string) => fileURLToPath(new URL(`./dist/libs/${name}/src/index.js`, import.meta.url));

// Tests of anything that starts a thread or a process import the built libs, so that they judge what ships.
const alias = Object.fromEntries(
  ['core', 'metadata', 'storage', 'locking', 'auth', 'limiting'].map((name) => [`@callfs/${name}`, lib(name)]),
);

const project = (name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  resolve: { alias },
  test: {
    ...test,
    name,
    server: { deps: { external: [/\/dist\//] } },
    // What a test waits for is an event. These bound one that hangs, on a machine that is ten times as slow as ours.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // The servers that the tests start are processes of their own, which want a core as well.
    maxWorkers: 2,
  },
});

/** What says most of how the file API behaves is run a second time, by servers with their metadata in PostgreSQL. */
const ON_POSTGRES = [
  'test/e2e/{files,directories,key-trees,attributes,moves-copies,permissions,concurrency,http-conditions,paths}.spec.ts',
  'test/http/quick-read.spec.ts',
  'test/model/model.spec.ts',
  'test/differential/differential.spec.ts',
];

export default defineConfig({
  test: {
    reporters: ['default'],
    globalSetup: ['test/support/leak-check.ts', 'test/support/shared-s3.ts'],
    projects: [
      project('all', { include: ['{apps,libs,test}/**/*.{spec,test}.ts'] }),
      project('postgres', { include: ON_POSTGRES, globalSetup: ['test/support/shared-postgres.ts'] }),
    ],
  },
});
