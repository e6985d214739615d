import { expect, it } from 'vitest';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { useServer } from '../support/use-server';
import { storedFiles } from '../support/storage-root';
import { summary } from './events';

const server = useServer({ config: { storage: { orphan_grace: '1s', collect_grace: '0s' } } });

it('P1, P9: under another name a node says whose blobs it has, and neither its start nor its sweep, gc or fsck removes one', async () => {
  const [settled, unsettled] = [patternBytes(1, 300_000), patternBytes(2, 300_000)];
  await must(server.client().put('/settled', settled));
  await server.restart({ CALLFS_DEBUG_PAUSE_AT: 'committed' });
  const said = server.output.length;
  const unanswered = expect(server.client().put('/unsettled', unsettled)).rejects.toThrow();
  await server.waitFor(/^paused committed$/m, said);
  await server.kill();
  await unanswered;
  const before = await storedFiles(server.dataDir);
  expect(before.blobs).toHaveLength(2);

  await server.start({ CALLFS_INSTANCE_DISCOVERY_INSTANCE_ID: 'renamed' });
  await server.waitFor(/2 blobs in localfs are those of the node \\"callfs-test\\"/, said);
  expect(await summary(server.client(), 'POST', '/v1/admin/gc')).toMatchObject({ blobs: 0 });
  await summary(server.client(), 'POST', '/v1/admin/fsck');
  expect((await storedFiles(server.dataDir)).blobs).toEqual(before.blobs);

  await server.restart();
  expect(sha256((await must(server.client().get('/settled'))).body)).toBe(sha256(settled));
  expect(sha256((await must(server.client().get('/unsettled'))).body)).toBe(sha256(unsettled));
});
