import { Readable } from 'node:stream';
import { newStorageKey } from '@callfs/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
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

beforeEach(async () => {
  disks = await Disks.open('one', 'two', 'three');
  const { store, providers } = disks;
  scrubbed = [];
  suspects = new SuspectBlobs();
  const observe = { orphaned: () => undefined, scrubbed: (status: string) => void scrubbed.push(status) };
  const [audit, repair] = [new BlobAudit(store, providers), new BlobRepair(store, providers)];
  scrubber = new Scrubber(store, providers, audit, repair, 'one', 0, observe, suspects);
  scrubber.onApplicationBootstrap();
});

afterEach(async () => {
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

it('C6: a blob that cannot be made good is looked at once, however many readers miss it', async () => {
  const lost = await disks.makeFile('lost', BYTES, ['one', 'two'], ['one', 'two']);
  const looked = async (name: string) => {
    const content = await disks.makeFile(name, BYTES, ['one', 'two'], ['one']);
    suspects.report(content, content.replicas[0]!);
    await expect.poll(() => scrubbed.at(-1)).toBe('repaired');
    return scrubbed.splice(0);
  };
  suspects.report(lost, lost.replicas[0]!);
  expect(await looked('after the first')).toEqual(['missing', 'repaired']);
  for (const _reader of [2, 3]) suspects.report(lost, lost.replicas[0]!);
  expect(await looked('after the others')).toEqual(['repaired']);
});

it('C6: what a reader misses is made anew from a copy that has come since its file was looked up', async () => {
  const content = await disks.makeFile('moved', BYTES, ['one', 'two'], ['one', 'two']);
  const [missing, gone] = content.replicas;
  const fresh = { backend: 'localfs', instanceId: 'three', key: newStorageKey() };
  await disks.providers.at(fresh).write(fresh.key, Readable.from([BYTES]));
  await disks.store.changeReplicas(content.id, { drop: [gone!], add: [fresh] });
  suspects.report(content, missing!);
  await expect.poll(() => scrubbed).toEqual(['repaired']);
});
