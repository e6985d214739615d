import { afterAll, beforeAll, expect, it } from 'vitest';
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

  let looks = 0;
  const { read } = provider.marks!;
  provider.marks!.read = () => (looks++, read.call(provider.marks));
  for (let pass = 0; pass < 10; pass++) expect(await ownership.mayCollect(provider)).toBe(false);
  expect(looks).toBe(0);

  await ownership.adopt(provider, [ORIGINAL]);
  expect(await ownership.mayCollect(provider)).toBe(true);
  // A guest that comes later has it stop again.
  await provider.marks!.enter(ORIGINAL);
  expect(await ownership.mayCollect(provider)).toBe(false);
});
