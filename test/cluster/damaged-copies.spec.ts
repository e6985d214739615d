import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { findings } from '../upkeep/events';
import { flipByte } from '../upkeep/flip-byte';
import { putOn } from './replicas';

const MIB = 1024 * 1024;
const bytes = patternBytes(1, 4 * MIB + 77);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
});
afterAll(() => cluster?.stop());

it.each<[string, (blob: string) => Promise<void>]>([
  ['has rotted in the middle', (blob) => flipByte(blob, 3 * MIB)],
  ['has rotted at its beginning', (blob) => flipByte(blob, 0)],
  ['is missing', (blob) => rm(blob)],
])('C6: where a node’s own copy %s, a reader gets all of the file, and the copy is made good at once', async (what, damage) => {
  const [one, two] = cluster.nodes.map((node) => node.client());
  const path = `/${what.replaceAll(' ', '-')}`;
  const [blob = ''] = await putOn(cluster, path, bytes, 1, 2);
  await damage(blob);
  const said = cluster.node(1).output.length;
  expect(sha256((await must(one!.get(path))).body)).toBe(sha256(bytes));
  await cluster.node(1).waitFor(/it was replaced from another copy/, said);
  const part = await must(one!.get(path, { range: `bytes=${2 * MIB + 5}-` }));
  expect(part.body.equals(bytes.subarray(2 * MIB + 5))).toBe(true);
  for (const client of [one, two]) expect(await findings(client!, 'GET', '/v1/admin/fsck?verify_content=true')).toEqual([]);
});

it('C6: of two copies that have rotted in different places a reader gets all; in the same, the transfer breaks', async () => {
  const one = cluster.node(1).client();
  const [here = '', there = ''] = await putOn(cluster, '/both', bytes, 1, 2);
  await flipByte(here, 3 * MIB);
  await flipByte(there, MIB);
  expect(sha256((await must(one.get('/both'))).body)).toBe(sha256(bytes));
  await flipByte(there, 3 * MIB);
  await expect(one.get('/both')).rejects.toThrow();
  await must(one.delete('/both'));
});
