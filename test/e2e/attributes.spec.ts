import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entries, type Client, type Entry } from '../support/client';
import { freshDirectory, freshFixture, must } from '../support/fixture';
import { refusals } from '../support/refusals';
import { useServer } from '../support/use-server';

const server = useServer();
let root: Client;
let alice: Client;
let bob: Client;
/** `file`, `dir/inner`, `empty/`, `link`; new for each test. */
let base: string;

const world = () => ({ root, base });

beforeAll(() => {
  root = server.client();
  alice = server.client('alice');
  bob = server.client('bob');
});

beforeEach(async () => {
  base = await freshFixture(root);
});

async function entryOf(path: string): Promise<Entry> {
  const found = entries(await root.list(path.slice(0, path.lastIndexOf('/')))).find((entry) => entry.path === path);
  if (!found) throw new Error(`${path} is not listed.`);
  return found;
}

describe('PATCH of attributes', () => {
  it('answers with the entry', async () => {
    const answer = await root.patch(`${base}/file`, { mode: '0640', owner: 'alice', group: 3000 });

    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ path: `${base}/file`, mode: '0640', owner: 'alice', uid: 2001, gid: 3000, size: 3 });
    expect(answer.json).toEqual(await entryOf(`${base}/file`));
  });

  it.each(['0000', '0644', '644', '4755', '2755', '1777', '7777'])('sets the mode %s', async (mode) => {
    await must(root.patch(`${base}/file`, { mode }));

    expect((await root.head(`${base}/file`)).header('x-callfs-mode')).toBe(mode.padStart(4, '0'));
  });

  it.each([
    ['2001-02-03T04:05:06.123456789Z', '2001-02-03T04:05:06.123456789Z'],
    ['1969-12-31T23:59:59.5Z', '1969-12-31T23:59:59.500000000Z'],
    ['2261-12-31T23:59:59.999999999Z', '2261-12-31T23:59:59.999999999Z'],
  ])('sets both times, to the nanosecond: %s', async (time, stored) => {
    await must(root.patch(`${base}/file`, { mtime: time, atime: time }));

    expect(await entryOf(`${base}/file`)).toMatchObject({ mtime: stored, atime: stored });
  });

  it('changes the entity tag of the content not at all, and ctime always', async () => {
    const before = await entryOf(`${base}/file`);

    await must(root.patch(`${base}/file`, { mode: '0600' }));

    const after = await entryOf(`${base}/file`);
    expect([after.etag, after.mtime]).toEqual([before.etag, before.mtime]);
    expect(after.ctime > before.ctime).toBe(true);
  });

  it('follows a link to what it leads to', async () => {
    await must(root.patch(`${base}/link`, { mode: '0600' }));

    expect((await entryOf(`${base}/file`)).mode).toBe('0600');
  });

  it('is what / takes', async () => {
    expect((await root.patch('/', { mode: '0755' })).json).toMatchObject({ path: '/', mode: '0755', type: 'directory' });
  });

  it('chown by root clears setuid and setgid, as on Linux', async () => {
    await must(root.patch(`${base}/file`, { mode: '6755' }));

    await must(root.patch(`${base}/file`, { owner: 'alice' }));

    expect((await entryOf(`${base}/file`)).mode).toBe('0755');
  });

  it("chgrp is for the owner, within one's own groups", async () => {
    const path = `/home/alice/${base.slice(1)}`;
    await must(alice.put(path, 'x'));

    expect((await alice.patch(path, { group: 3000 })).json).toMatchObject({ gid: 3000, owner: 'alice' });
    expect((await alice.patch(path, { group: 2002 })).outcome).toBe('403 PERMISSION_DENIED');
    expect((await bob.patch(path, { group: 3000 })).outcome).toBe('403 PERMISSION_DENIED');
  });

  refusals(world, [
    ['of nothing: 404', () => root.patch(`${base}/nothing`, { mode: '0600' }), '404 FILE_NOT_FOUND'],
    ['a mode that is no octal number: 400', () => root.patch(`${base}/file`, { mode: '0888' }), '400 INVALID_REQUEST'],
    ['a mode beyond 7777: 400', () => root.patch(`${base}/file`, { mode: '17777' }), '400 INVALID_REQUEST'],
    ['a mode in numbers: 400', () => root.patch(`${base}/file`, { mode: 420 }), '400 INVALID_REQUEST'],
    ['a mode in letters: 400', () => root.patch(`${base}/file`, { mode: 'u+x' }), '400 INVALID_REQUEST'],
    ['an owner that nobody knows: 400', () => root.patch(`${base}/file`, { owner: 'nobody-here' }), '400 INVALID_REQUEST'],
    ['a group that nobody knows: 400', () => root.patch(`${base}/file`, { group: 'no-such-group' }), '400 INVALID_REQUEST'],
    ['a negative owner: 400', () => root.patch(`${base}/file`, { owner: -1 }), '400 INVALID_REQUEST'],
    ['an owner beyond 32 bits: 400', () => root.patch(`${base}/file`, { owner: 2 ** 32 }), '400 INVALID_REQUEST'],
    ['a time that is none: 400', () => root.patch(`${base}/file`, { mtime: '2001-02-30T00:00:00Z' }), '400 INVALID_REQUEST'],
    ['a time without a zone: 400', () => root.patch(`${base}/file`, { mtime: '2001-02-03T00:00:00' }), '400 INVALID_REQUEST'],
    [
      'one that is good and one that is not: 400',
      () => root.patch(`${base}/file`, { mode: '0600', mtime: 'x' }),
      '400 INVALID_REQUEST',
    ],
    ['A6 an id: 400', () => root.patch(`${base}/file`, { id: 1 }), '400 INVALID_REQUEST'],
    ['A6 a version: 400', () => root.patch(`${base}/file`, { mode: '0600', version: 9 }), '400 INVALID_REQUEST'],
    ['A6 a fence: 400', () => root.patch(`${base}/file`, { mode: '0600', fence: 9 }), '400 INVALID_REQUEST'],
    ["chmod of another's file: 403", () => alice.patch(`${base}/file`, { mode: '0666' }), '403 PERMISSION_DENIED'],
    ['chown by another than root: 403', () => alice.patch(`${base}/file`, { owner: 'alice' }), '403 PERMISSION_DENIED'],
    [
      'of another version: 412',
      () => root.patch(`${base}/file`, { mode: '0600' }, { 'if-match': '"x"' }),
      '412 PRECONDITION_FAILED',
    ],
  ]);
});

describe('new things', () => {
  it('belong to who makes them, less the umask', async () => {
    const home = `/home/alice/${base.slice(1)}`;
    await must(alice.put(`${home}/file`, 'x'));

    expect(await entryOf(`${home}/file`)).toMatchObject({ owner: 'alice', uid: 2001, gid: 2001, mode: '0644' });
    expect(await entryOf(home)).toMatchObject({ owner: 'alice', gid: 2001, mode: '0755' });
  });

  it('take the group of a setgid directory, and directories the bit as well', async () => {
    const dir = await freshDirectory(root);
    await must(root.patch(dir, { mode: '2777', group: 3000 }));

    await must(alice.put(`${dir}/file`, 'x'));
    await must(alice.mkdir(`${dir}/sub`));

    expect(await entryOf(`${dir}/file`)).toMatchObject({ owner: 'alice', gid: 3000, mode: '0644' });
    expect(await entryOf(`${dir}/sub`)).toMatchObject({ owner: 'alice', gid: 3000, mode: '2755' });
  });

  it("a home is the user's own, closed to others", async () => {
    expect(await entryOf('/home/alice')).toMatchObject({ owner: 'alice', uid: 2001, gid: 2001, mode: '0750' });
    expect((await server.client('carol').list('/home/alice')).outcome).toBe('403 PERMISSION_DENIED');
  });

  it('times of a directory follow what happens in it', async () => {
    const dir = await freshDirectory(root);
    await must(root.patch(dir, { mtime: '2001-01-01T00:00:00Z' }));

    await must(root.put(`${dir}/a`, 'x'));
    const created = (await entryOf(dir)).mtime;
    await must(root.patch(dir, { mtime: '2001-01-01T00:00:00Z' }));
    await must(root.put(`${dir}/a`, 'y'));
    const replaced = (await entryOf(dir)).mtime;
    await must(root.delete(`${dir}/a`));
    const removed = (await entryOf(dir)).mtime;

    expect(created > '2020').toBe(true);
    expect(replaced).toBe('2001-01-01T00:00:00.000000000Z');
    expect(removed > '2020').toBe(true);
  });
});

describe('a refusal', () => {
  it('names the path, its mode and owner, the right that is missing and a next step', async () => {
    await must(root.put(`${base}/closed`, 'x', { 'x-callfs-mode': '0600' }));

    const { json } = await alice.get(`${base}/closed`);

    expect(json.message).toContain(`${base}/closed`);
    expect(json.message).toContain('0600');
    expect(json.message).toContain('root');
    expect(json.message).toMatch(/read/i);
    expect(json.message.length).toBeGreaterThan(60);
  });
});

describe('A6 members that a client has no say in', () => {
  it.each([
    [
      'a symbolic link',
      (path: string, extra: string) =>
        root.post(path, `{"target":"file",${extra}}`, { 'content-type': 'application/vnd.callfs.symlink+json' }),
    ],
    [
      'a directory',
      (path: string, extra: string) =>
        root.post(`${path}/`, `{"type":"directory",${extra}}`, { 'content-type': 'application/json' }),
    ],
  ])('are refused for %s', async (_, make) => {
    for (const extra of ['"owner":"alice"', '"id":1', '"version":9', '"fence":9', '"uid":2001', '"constructor":1'])
      expect([extra, (await make(`${base}/new`, extra)).outcome]).toEqual([extra, '400 INVALID_REQUEST']);
    expect((await root.head(`${base}/new`)).status).toBe(404);
  });

  it('__proto__ changes nothing', async () => {
    const answer = await root.request('PATCH', `/v1/files${base}/file`, {
      headers: { 'content-type': 'application/json' },
      body: '{"__proto__":{"mode":"0777"}}',
    });

    expect(answer.outcome).toBe('400 INVALID_REQUEST');
    expect((await entryOf(`${base}/file`)).mode).toBe('0644');
  });
});
