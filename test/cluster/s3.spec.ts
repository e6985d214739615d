import { basename } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { TestBucket } from '../support/s3-bucket';
import { blobMadeBy, storedFiles } from '../support/storage-root';
import { findings, summary } from '../upkeep/events';
import { flipByte } from '../upkeep/flip-byte';

const READ = '/v1/admin/fsck?verify_content=true';

/** Two nodes that keep new content in one bucket. */
let bucket: TestBucket;
let cluster: TestCluster;

beforeAll(async () => {
  bucket = await TestBucket.start();
  cluster = await TestCluster.start({ nodes: 2, proxied: true, config: bucket.configuration() });
});
afterAll(async () => {
  await cluster?.stop();
  await bucket?.stop();
});

const root = (number: number) => cluster.node(number).client();

it('what is in S3 any node serves by itself, also when the one that stored it is dead', async () => {
  const content = patternBytes(1, 9_000_000);
  await must(root(1).put('/shared', content));
  const whole = await must(root(2).get('/shared'));
  expect(whole.body.equals(content)).toBe(true);
  expect(whole.header('x-callfs-backend-type')).toBe('s3');
  await cluster.node(1).kill();
  expect((await must(root(2).get('/shared', { range: 'bytes=5000000-5000099' }))).body).toEqual(
    content.subarray(5_000_000, 5_000_100),
  );
  await must(root(2).put('/shared', patternBytes(2, 200_000)));
  await cluster.node(1).start();
  expect((await must(root(1).get('/shared'))).body.equals(patternBytes(2, 200_000))).toBe(true);
  expect(
    cluster
      .way(1)
      .seen.concat(cluster.way(2).seen)
      .filter(({ path }) => path.includes('/blobs/')),
  ).toEqual([]);
});

it('C6 what a node has lost is fetched from S3, and what S3 has lost from a node', async () => {
  const content = patternBytes(3, 300_000);
  await must(root(1).put('/in-s3', content));
  await cluster.node(2).restart({ CALLFS_BACKEND_DEFAULT_BACKEND: 'localfs' });
  const blob = await blobMadeBy(cluster.node(2).dataDir, () => must(root(2).put('/on-disk', content)));
  // One content, a blob on the disk of node 2 and one in the bucket.
  await must(root(1).delete('/on-disk'));
  await cluster.query(`DELETE FROM collect WHERE key = '${basename(blob)}'`);
  await cluster.query(`INSERT INTO replica (content_id, backend, instance_id, key)
    SELECT content_id, 'localfs', 'node-2', '${basename(blob)}' FROM inode JOIN dentry ON inode_id = id WHERE name = 'in-s3'`);
  expect(await summary(root(1), 'GET', READ)).toMatchObject({ findings: 0, complete: true });

  await flipByte(blob, 100_000);
  const [mended] = await findings(root(1), 'POST', READ);
  expect(mended).toMatchObject({ kind: 'blob_damaged', state: 'repaired', backend: 'localfs', instance_id: 'node-2' });

  const [row] = await cluster.query<{ key: string }>(`SELECT r.key FROM replica r JOIN inode i ON i.content_id = r.content_id
    JOIN dentry d ON d.inode_id = i.id WHERE d.name = 'in-s3' AND r.backend = 's3'`);
  await bucket.tamper(row?.key ?? '', (bytes) => bytes.fill(0, 1_000, 2_000));
  const [again] = await findings(root(1), 'POST', READ);
  expect(again).toMatchObject({ kind: 'blob_damaged', state: 'repaired', backend: 's3', instance_id: '', paths: ['/in-s3'] });
  expect(await summary(root(2), 'GET', READ)).toMatchObject({ findings: 0, complete: true });
  expect((await must(root(1).get('/in-s3'))).body.equals(content)).toBe(true);
  expect((await storedFiles(cluster.node(2).dataDir)).blobs.length).toBeGreaterThan(0);
});
