import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Disks } from '../../../../test/support/disks';
import { BlobOwnership } from './blob-ownership';

const ORIGINAL = 'f'.repeat(32);

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.open('one');
});
afterAll(() => disks?.close());

it('P9: a copy in the place of its original asks now and then whether it may collect there, and may once the place is its own', async () => {
  const { store, providers } = disks;
  const provider = providers.get('localfs');
  await store.tables.write('test', `UPDATE store SET copy_of = '${ORIGINAL}'`);
  await provider.marks!.claim(ORIGINAL);
  const ownership = new BlobOwnership(store, 'one');
  expect(await ownership.mayCollect(provider)).toBe(false);

  const looks = vi.spyOn(provider.marks!, 'read');
  for (let pass = 0; pass < 10; pass++) expect(await ownership.mayCollect(provider)).toBe(false);
  expect(looks).not.toHaveBeenCalled();
  looks.mockRestore();

  await ownership.adopt(provider, [ORIGINAL]);
  expect(await ownership.mayCollect(provider)).toBe(true);
  // A guest that comes later has it stop again.
  await provider.marks!.enter(ORIGINAL);
  expect(await ownership.mayCollect(provider)).toBe(false);
});

it('a place that others have marked says which marks, how old they are and what removes them; a guest that runs renews its own', async () => {
  const { store, providers } = disks;
  const provider = providers.get('localfs');
  const [gone, { id }] = ['e'.repeat(32), await store.identity()];
  await provider.marks!.enter(gone);
  // A whole second: what utimes(2) is given has no room for every millisecond.
  const then = new Date(Math.floor(Date.now() / 1000 - 9.5 * 24 * 3600) * 1000);
  const root = disks.rootOf('one');
  await utimes(join(root, `guest-${gone}`), then, then);
  const ownership = new BlobOwnership(store, 'one');
  const standing = await ownership.judge(provider);
  expect(standing).toMatchObject({
    isOurs: false,
    message: expect.stringContaining(`guest-${gone}, written ${then.toISOString()} (9 days ago)`) as string,
  });
  expect(standing).toMatchObject({ message: expect.stringContaining('"callfs gc --adopt localfs --yes" removes') as string });

  await provider.marks!.claim(gone, id);
  await provider.marks!.enter(id);
  await utimes(join(root, `guest-${id}`), then, then);
  await ownership.moveIn(provider);
  expect(await provider.marks!.writtenMs(`guest-${id}`)).toBeGreaterThan(Date.now() - 60_000);
  expect(await readdir(root)).toContain(`guest-${gone}`);
});
