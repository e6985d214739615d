import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

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
    // A file waits for its servers for half of its time: three of them keep two cores busy.
    maxWorkers: 3,
  },
});

/** What says most of how the file API behaves is run a second time, by servers with their metadata in PostgreSQL. */
const ON_POSTGRES = [
  'test/e2e/{files,directories,key-trees,attributes,moves-copies,permissions,concurrency,http-conditions,paths}.spec.ts',
  'test/http/quick-read.spec.ts',
  'test/model/model.spec.ts',
  'test/differential/differential.spec.ts',
];

/** They take a minute and more each: the last file of a run is to be a short one. The two with most of the traffic to S3 stand apart. */
const LONGEST = [
  'test/cluster/relocation.spec.ts',
  'libs/storage/test/s3.spec.ts',
  'test/upkeep/blob-ownership.spec.ts',
  'test/crash/fault-points.spec.ts',
  'test/crash/random-kill.spec.ts',
  'test/cluster/replication.spec.ts',
  'test/cli/client.spec.ts',
  'libs/metadata/test/postgres.spec.ts',
  'test/history/cluster.spec.ts',
  'test/e2e/symlinks-host.spec.ts',
  'test/locks/redis-topologies.spec.ts',
  'libs/metadata/test/postgres-engine.spec.ts',
  'test/differential/differential.spec.ts',
  'libs/metadata/test/sqlite.spec.ts',
  'test/cli/startup.spec.ts',
  'libs/storage/test/s3-slow-bodies.spec.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((path) => moduleId.endsWith(`/${path}`));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  test: {
    reporters: ['default'],
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/support/leak-check.ts', 'test/support/shared-s3.ts'],
    projects: [
      project('all', { include: ['{apps,libs,test}/**/*.{spec,test}.ts'] }),
      project('postgres', { include: ON_POSTGRES, globalSetup: ['test/support/shared-postgres.ts'] }),
    ],
  },
});
