import { afterAll, beforeAll, expect, it } from 'vitest';
import { Disks } from '../../../../../test/support/disks';
import { SuspectBlobs } from '../suspect-blobs';
import { BlobAudit } from './blob-audit';
import { BlobRepair } from './blob-repair';
import { Scrubber } from './scrubber';

const SUSPECTS = 20;
const BYTES = Buffer.from('what another node has as well');

let disks: Disks;
let scrubbed: string[];
let suspects: SuspectBlobs;
let scrubber: Scrubber;

beforeAll(async () => {
  disks = await Disks.open('one', 'two');
  const { store, providers } = disks;
  scrubbed = [];
  suspects = new SuspectBlobs();
  const observe = { orphaned: () => undefined, scrubbed: (status: string) => void scrubbed.push(status) };
  const [audit, repair] = [new BlobAudit(store, providers), new BlobRepair(store, providers)];
  scrubber = new Scrubber(store, providers, audit, repair, 'one', 0, observe, suspects);
  scrubber.onApplicationBootstrap();
});

afterAll(async () => {
  await scrubber?.beforeApplicationShutdown();
  await disks?.close();
});

it('C6: a node that stops does not first make all the blobs anew that readers missed', async () => {
  const contents = [];
  for (let index = 0; index < SUSPECTS; index++)
    contents.push(await disks.makeFile(`file-${index}`, BYTES, ['one', 'two'], ['one']));
  for (const content of contents) suspects.report(content, content.replicas[0]!);
  await scrubber.beforeApplicationShutdown();
  expect(scrubbed).toEqual([]);
  expect(await disks.store.contents({ after: 0, limit: SUSPECTS + 1 })).toEqual(contents);
});
