import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { startServer, type TestServer } from '../support/server';
import { referencedKeys, storedFiles } from '../support/storage-root';

/** The steps of a write in their order, and whether a crash there comes before or after the commit. */
const STEPS = [
  ['staged', 'before'],
  ['locked', 'before'],
  ['committed', 'after'],
  ['before-answer', 'after'],
] as const;

const KINDS = [
  ['inline', 1_000],
  ['blob', 200_000],
] as const;

const OLD = (size: number) => patternBytes(1, size);
const NEW = (size: number) => patternBytes(2, size);

/** C4: `kill -9` at each step of a write. */
describe('C4 a crash at a step of a write', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
    for (const [step] of STEPS) for (const [kind, size] of KINDS) await must(server.client().put(`/${step}-${kind}`, OLD(size)));
    await server.stop();
  });

  afterAll(async () => {
    if (server.running) await server.kill();
    await server.remove();
  });

  describe.each(STEPS)('%s', (step, commit) => {
    it.each(KINDS)('of %s content leaves the whole old or the whole new, and nothing else', async (kind, size) => {
      for (const [path, before] of [
        [`/${step}-${kind}`, sha256(OLD(size))],
        [`/${step}-${kind}-new`, 'absent'],
      ] as const) {
        await crashDuring(path, step, NEW(size));

        await server.start();
        const answer = await server.client().get(path);
        const found = answer.status === 404 ? 'absent' : sha256(answer.body);
        expect([path, found]).toEqual([path, commit === 'before' ? before : sha256(NEW(size))]);
        expect((await storedFiles(server.dataDir)).staging).toEqual([]);
        // A lock that the dead process held would be in the way here.
        expect((await server.client().put(path, NEW(size))).status).toBe(found === 'absent' ? 201 : 200);
        await server.stop();
        const known = new Set(referencedKeys(join(server.dir, 'metadata.sqlite')));
        expect((await storedFiles(server.dataDir)).blobs.filter((blob) => !known.has(blob.slice(3)))).toEqual([]);
      }
    });
  });

  /** Starts the server so that it stops at `step`, has it write, and kills it there. */
  async function crashDuring(path: string, step: string, body: Buffer): Promise<void> {
    if (server.running) await server.stop();
    const said = server.output.length;
    await server.start({ CALLFS_DEBUG_PAUSE_AT: step });
    const answered = server
      .client()
      .put(path, body)
      .then(
        ({ outcome }) => outcome,
        () => 'no answer',
      );
    await server.waitFor(new RegExp(`^paused ${step}$`, 'm'), said);
    await server.kill();
    expect(await answered).toBe('no answer');
  }
});
