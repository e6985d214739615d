import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newStorageKey } from '@callfs/core';
import { describe, expect, it } from 'vitest';
import { SmallDisk } from '../../../test/support/small-disk';
import { collect, failureOf, inChunks, pattern } from '../src/testing/bodies';
import { openBelow } from '../src/testing/open-below';
import { filesBelow, freshRoot, onCleanUp, openAt } from './localfs-root';

const MIB = 1024 * 1024;

function smallDisk(sizeBytes: number): SmallDisk {
  const disk = SmallDisk.mount(sizeBytes);
  onCleanUp(() => disk.unmount());
  return disk;
}

describe('S3 a full disk', () => {
  it.each([
    ['one small write', 60_000],
    ['a large one', 6 * MIB],
  ])('%s: INSUFFICIENT_STORAGE, nothing left, reads go on, and room is used again', async (_, size) => {
    const disk = smallDisk(8 * MIB);
    const provider = await openAt(disk.path);
    const kept = newStorageKey();
    const content = pattern(MIB);
    await provider.write(kept, inChunks(content, 65_536));
    await provider.settle(kept);
    const { freeBytes } = await provider.capacity();
    writeFileSync(join(disk.path, 'filler'), Buffer.alloc(freeBytes - Math.min(freeBytes, size - 8_192)));

    const before = openBelow(disk.path);
    const files = filesBelow(disk.path);
    const failure = await failureOf(provider.write(newStorageKey(), inChunks(pattern(size), 65_536)));
    expect(failure).toMatchObject({ code: 'INSUFFICIENT_STORAGE', cause: { code: 'ENOSPC' } });
    expect(filesBelow(disk.path)).toEqual(files);
    expect(openBelow(disk.path)).toBe(before);
    expect((await collect(await provider.read(kept))).equals(content)).toBe(true);

    execFileSync('rm', [join(disk.path, 'filler')]);
    await provider.write(newStorageKey(), inChunks(pattern(size), 65_536));
  });

  it('fails the check, and the start', async () => {
    const disk = smallDisk(2 * MIB);
    const provider = await openAt(disk.path);
    const { freeBytes, totalBytes } = await provider.capacity();
    expect(totalBytes).toBe(2 * MIB);
    writeFileSync(join(disk.path, 'filler'), Buffer.alloc(freeBytes));
    expect(await failureOf(provider.check())).toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
    expect(readdirSync(join(disk.path, 'staging'))).toEqual([]);
    await provider.close();
    expect(await failureOf(openAt(disk.path))).toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
  });
});

describe('a disk that cannot be written to', () => {
  it('read-only: BACKEND_UNAVAILABLE, reads go on', async () => {
    const disk = smallDisk(4 * MIB);
    const provider = await openAt(disk.path);
    const key = newStorageKey();
    const content = pattern(1000);
    await provider.write(key, inChunks(content, 1000));
    // A read-only remount needs that no file is open for writing: the claim's is.
    execFileSync('mount', ['--bind', disk.path, disk.path]);
    onCleanUp(() => void execFileSync('umount', ['--lazy', disk.path]));
    execFileSync('mount', ['-o', 'remount,bind,ro', disk.path]);
    const failure = await failureOf(provider.write(newStorageKey(), inChunks(content, 1000)));
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause: { code: 'EROFS' } });
    expect(await failureOf(provider.check())).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect((await collect(await provider.read(key))).equals(content)).toBe(true);
  });

  it('that is no longer there', async () => {
    const root = freshRoot();
    const provider = await openAt(root);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', root]);
    onCleanUp(() => void execFileSync('umount', ['--lazy', root]));
    expect(await failureOf(provider.check())).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('a start on a read-only disk names the root and the next step', async () => {
    const disk = smallDisk(MIB);
    disk.makeReadOnly();
    const { message } = await failureOf(openAt(disk.path));
    expect(message).toContain(`${disk.path} is not writable (EROFS)`);
    expect(message).toContain('backend.localfs_root_path');
  });

  it('a start without permission, on a new root and on one of somebody else', async () => {
    const parent = freshRoot();
    const existing = join(parent, 'existing');
    mkdirSync(existing, { mode: 0o755 });
    await (await openAt(existing)).close();
    const asNobody = async (root: string): Promise<string> => {
      process.seteuid?.(65_534);
      try {
        return (await failureOf(openAt(root))).message;
      } finally {
        process.seteuid?.(0);
      }
    };
    expect(await asNobody(join(parent, 'new'))).toContain('not writable (EACCES)');
    execFileSync('chmod', ['755', parent]);
    expect(await asNobody(existing)).toContain(`${existing} is not writable`);
  });

  it('a start on a file', async () => {
    const root = join(freshRoot(), 'file');
    writeFileSync(root, '');
    expect((await failureOf(openAt(root))).message).toContain(`${root} is not a directory`);
    expect((await failureOf(openAt(join(root, 'below')))).message).toContain('is not a directory');
  });
});

it('EMFILE: no descriptor left is BACKEND_UNAVAILABLE, and over when there are some again', async () => {
  const script = join(__dirname, 'localfs-descriptors.mjs');
  const root = freshRoot();
  const output = execFileSync('sh', ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, script, root], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({ read: 'BACKEND_UNAVAILABLE EMFILE', write: 'BACKEND_UNAVAILABLE EMFILE', after: 'same' });
});
