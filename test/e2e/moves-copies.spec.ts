import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entries, fileTarget, names, type Client } from '../support/client';
import { freshFixture, must, snapshot } from '../support/fixture';
import { patternBytes, Random, sha256 } from '../support/random';
import { refusals } from '../support/refusals';
import { harvestTree, plantTree, randomTree, treeSummary } from '../support/tree';
import { useServer } from '../support/use-server';

const server = useServer();
let root: Client;
let alice: Client;
/** `file`, `dir/inner`, `empty/`, `link`; new for each test. */
let base: string;

const world = () => ({ root, base });

beforeAll(() => {
  root = server.client();
  alice = server.client('alice');
});

beforeEach(async () => {
  base = await freshFixture(root);
});

describe('PATCH name', () => {
  it('renames in place, and says where it is now', async () => {
    const before = await root.head(`${base}/file`);

    const answer = await root.patch(`${base}/file`, { name: 'renamed' });

    expect([answer.status, answer.json]).toEqual([200, { path: `${base}/renamed` }]);
    expect((await root.get(`${base}/file`)).outcome).toBe('404 FILE_NOT_FOUND');
    const after = await root.get(`${base}/renamed`);
    expect([after.text, after.header('etag'), after.header('x-callfs-mtime')]).toEqual([
      'old',
      before.header('etag'),
      before.header('x-callfs-mtime'),
    ]);
  });

  it('renames a link, not what it leads to', async () => {
    await must(root.patch(`${base}/link`, { name: 'other' }));

    expect(names(await root.list(base))).toEqual(['dir', 'empty', 'file', 'other']);
  });

  refusals(world, [
    ['to a name that exists: 409', () => root.patch(`${base}/file`, { name: 'dir' }), '409 FILE_ALREADY_EXISTS'],
    ['to a name with a slash: 400', () => root.patch(`${base}/file`, { name: 'dir/x' }), '400 INVALID_PATH'],
    ['of nothing: 404', () => root.patch(`${base}/nothing`, { name: 'x' }), '404 FILE_NOT_FOUND'],
    ['of a file said to be a directory: 404', () => root.patch(`${base}/file/`, { name: 'x' }), '404 FILE_NOT_FOUND'],
    ['without permission: 403', () => alice.patch(`${base}/file`, { name: 'x' }), '403 PERMISSION_DENIED'],
    [
      'of another version: 412',
      () => root.patch(`${base}/file`, { name: 'x' }, { 'if-match': '"x"' }),
      '412 PRECONDITION_FAILED',
    ],
    [
      'together with a destination: 400',
      () => root.patch(`${base}/file`, { name: 'x', destination: '/y' }),
      '400 INVALID_REQUEST',
    ],
    ['together with attributes: 400', () => root.patch(`${base}/file`, { name: 'x', mode: '0600' }), '400 INVALID_REQUEST'],
    ['neither: 400', () => root.patch(`${base}/file`, {}), '400 INVALID_REQUEST'],
    ['an array: 400', () => root.patch(`${base}/file`, [{ name: 'x' }]), '400 INVALID_REQUEST'],
    ['null: 400', () => root.patch(`${base}/file`, null), '400 INVALID_REQUEST'],
    ['a name that is a number: 400', () => root.patch(`${base}/file`, { name: 7 }), '400 INVALID_REQUEST'],
    ['an unknown member: 400', () => root.patch(`${base}/file`, { name: 'x', colour: 'red' }), '400 INVALID_REQUEST'],
    [
      'no JSON: 400',
      () => root.request('PATCH', fileTarget(`${base}/file`), { headers: json, body: '{"name":' }),
      '400 INVALID_REQUEST',
    ],
    ['no body: 400', () => root.request('PATCH', fileTarget(`${base}/file`), { headers: json }), '400 INVALID_REQUEST'],
    [
      'another type than JSON: 415',
      () => root.request('PATCH', fileTarget(`${base}/file`), { headers: { 'content-type': 'text/xml' }, body: '<a/>' }),
      '415 UNSUPPORTED_MEDIA_TYPE',
    ],
  ]);
});

const json = { 'content-type': 'application/json' };

describe('PATCH destination', () => {
  it('moves a file to another directory', async () => {
    const answer = await root.move(`${base}/file`, `${base}/dir/moved`);

    expect([answer.status, answer.json]).toEqual([200, { path: `${base}/dir/moved` }]);
    expect((await root.get(`${base}/dir/moved`)).text).toBe('old');
    expect((await root.get(`${base}/file`)).status).toBe(404);
  });

  it('moves a whole tree, and its parts are what they were', async () => {
    const tree = randomTree(new Random(11), { directories: 12, files: 40 });
    await plantTree(root, `${base}/tree`, tree);
    const before = await snapshot(root, `${base}/tree`);

    await must(root.move(`${base}/tree`, `${base}/far/away/tree`, { create_parents: true }));

    expect(treeSummary(await harvestTree(root, `${base}/far/away/tree`))).toEqual(treeSummary(tree));
    const after = (await snapshot(root, `${base}/far/away/tree`)) as { path: string }[];
    const back = after.map((entry) => ({ ...entry, path: entry.path.replace('/far/away', '') }));
    expect(back).toEqual(before);
    expect((await root.list(`${base}/tree`)).outcome).toBe('404 FILE_NOT_FOUND');
  });

  it('makes parents when told to', async () => {
    await must(root.move(`${base}/file`, `${base}/p/q/r/file`, { create_parents: true }));

    expect((await root.get(`${base}/p/q/r/file`)).text).toBe('old');
    expect((await root.head(`${base}/p/q`)).header('x-callfs-mode')).toBe('0755');
  });

  it('onto itself changes nothing', async () => {
    const before = await snapshot(root, base);

    expect((await root.move(`${base}/file`, `${base}/file`)).json).toEqual({ path: `${base}/file` });
    expect(await snapshot(root, base)).toEqual(before);
  });

  it('replaces a file when told to', async () => {
    await must(root.put(`${base}/target`, 'replaced'));

    await must(root.move(`${base}/file`, `${base}/target`, { overwrite: true }));

    expect((await root.get(`${base}/target`)).text).toBe('old');
    expect(names(await root.list(base))).toEqual(['dir', 'empty', 'link', 'target']);
  });

  it('replaces an empty directory by a directory when told to', async () => {
    await must(root.move(`${base}/dir`, `${base}/empty`, { overwrite: true }));

    expect((await root.get(`${base}/empty/inner`)).text).toBe('inside');
    expect((await root.get(`${base}/dir`)).status).toBe(404);
  });

  it('keeps count of the subdirectories', async () => {
    const links = async (path: string) => entries(await root.list(base)).find((entry) => entry.path === path)?.nlink;
    await must(root.mkdir(`${base}/dir/sub`));
    expect([await links(`${base}/dir`), await links(`${base}/empty`)]).toEqual([3, 2]);

    await must(root.move(`${base}/dir/sub`, `${base}/empty/sub`));

    expect([await links(`${base}/dir`), await links(`${base}/empty`)]).toEqual([2, 3]);
  });

  refusals(world, [
    ['that exists: 409', () => root.move(`${base}/file`, `${base}/dir/inner`), '409 FILE_ALREADY_EXISTS'],
    ['where a directory stands: 409', () => root.move(`${base}/file`, `${base}/dir`), '409 FILE_ALREADY_EXISTS'],
    ['a file over a directory: 400', () => root.move(`${base}/file`, `${base}/empty`, over), '400 IS_A_DIRECTORY'],
    ['a directory over a file: 409', () => root.move(`${base}/empty`, `${base}/file`, over), '409 NOT_A_DIRECTORY'],
    ['a directory over a full one: 409', () => root.move(`${base}/empty`, `${base}/dir`, over), '409 DIRECTORY_NOT_EMPTY'],
    ['a file to its own name with a "/": 400', () => root.move(`${base}/file`, `${base}/file/`), '400 INVALID_REQUEST'],
    ['P16 a directory into itself: 400', () => root.move(`${base}/dir`, `${base}/dir/x`), '400 INVALID_REQUEST'],
    ['P16 deep into itself: 400', () => root.move(`${base}/dir`, `${base}/dir/x/y`, parents), '400 INVALID_REQUEST'],
    ['a missing parent: 400', () => root.move(`${base}/file`, `${base}/no/such`), '400 INVALID_REQUEST'],
    ['below a file: 409', () => root.move(`${base}/empty`, `${base}/file/x`), '409 NOT_A_DIRECTORY'],
    ['of nothing: 404', () => root.move(`${base}/nothing`, `${base}/x`), '404 FILE_NOT_FOUND'],
    ['of nothing over something: 404', () => root.move(`${base}/nothing`, `${base}/file`, over), '404 FILE_NOT_FOUND'],
    ['a file to a path that says directory: 400', () => root.move(`${base}/file`, `${base}/x/`), '400 INVALID_REQUEST'],
    ['a relative destination: 400', () => root.move(`${base}/file`, 'elsewhere'), '400 INVALID_REQUEST'],
    ['an empty destination: 400', () => root.move(`${base}/file`, ''), '400 INVALID_REQUEST'],
    ['a flag that is no flag: 400', () => root.move(`${base}/file`, `${base}/x`, { overwrite: 'yes' }), '400 INVALID_REQUEST'],
    ['an unknown backend: 400', () => root.move(`${base}/file`, `${base}/x`, { backend: 'floppy' }), '400 INVALID_REQUEST'],
    ['without permission on the source: 403', () => alice.move(`${base}/file`, '/home/alice/x'), '403 PERMISSION_DENIED'],
  ]);

  it('without permission on the destination: 403, and nothing moves', async () => {
    const own = `/home/alice/own-${base.slice(1)}`;
    await must(alice.put(own, 'mine'));

    expect((await alice.move(own, `${base}/taken`)).outcome).toBe('403 PERMISSION_DENIED');
    expect((await alice.get(own)).text).toBe('mine');
  });
});

const over = { overwrite: true };
const parents = { create_parents: true };

describe('copies', () => {
  it.each([10, 100_000])('of a file of %d bytes stand on their own', async (size) => {
    const bytes = patternBytes(size, size);
    await must(root.put(`${base}/source`, bytes, { 'content-type': 'image/png', 'x-callfs-mode': '0640' }));

    const answer = await root.copy(`${base}/source`, `${base}/made/copy`);

    expect(answer.status).toBe(201);
    const copy = await root.get(`${base}/made/copy`);
    expect([sha256(copy.body), copy.header('content-type'), copy.header('x-callfs-mode')]).toEqual([
      sha256(bytes),
      'image/png',
      '0640',
    ]);
    await must(root.put(`${base}/source`, 'changed'));
    await must(root.delete(`${base}/source`));
    expect(sha256((await root.get(`${base}/made/copy`)).body)).toBe(sha256(bytes));
  });

  it('of a tree with ?recursive=true', async () => {
    const tree = randomTree(new Random(12), { directories: 8, files: 30 });
    await plantTree(root, `${base}/tree`, tree);

    expect((await root.copy(`${base}/tree`, `${base}/twin`, { query: '?recursive=true' })).status).toBe(201);

    expect(treeSummary(await harvestTree(root, `${base}/twin`))).toEqual(treeSummary(tree));
    await must(root.delete(`${base}/tree`, { recursive: true }));
    expect(treeSummary(await harvestTree(root, `${base}/twin`))).toEqual(treeSummary(tree));
  });

  it('replace with ?overwrite=true: 200', async () => {
    const answer = await root.copy(`${base}/file`, `${base}/dir/inner`, { query: '?overwrite=true' });

    expect(answer.status).toBe(200);
    expect((await root.get(`${base}/dir/inner`)).text).toBe('old');
  });

  it('belong to who makes them', async () => {
    const path = `/home/alice/copy-${base.slice(1)}`;

    await must(alice.copy(`${base}/file`, path));

    expect((await alice.head(path)).header('x-callfs-owner')).toBe('alice');
  });

  it('take a source that is percent-encoded', async () => {
    await must(root.put(`${base}/n\u00e4me %41`, 'odd'));

    expect((await root.copy(`${base}/n\u00e4me %41`, `${base}/plain`)).status).toBe(201);
    expect((await root.get(`${base}/plain`)).text).toBe('odd');
  });

  refusals(world, [
    ['onto what exists: 409', () => root.copy(`${base}/file`, `${base}/dir/inner`), '409 FILE_ALREADY_EXISTS'],
    ['onto itself: 409', () => root.copy(`${base}/file`, `${base}/file`), '409 FILE_ALREADY_EXISTS'],
    ['of nothing: 404', () => root.copy(`${base}/nothing`, `${base}/x`), '404 FILE_NOT_FOUND'],
    [
      'with a body, whose bytes would be lost: 400',
      () => root.post(`${base}/x`, 'bytes', { 'x-callfs-copy-source': `${base}/file` }),
      '400 INVALID_REQUEST',
    ],
    ['of a directory: 400', () => root.copy(`${base}/dir`, `${base}/x`), '400 IS_A_DIRECTORY'],
    ['of a tree into itself: 400', () => root.copy(`${base}/dir`, `${base}/dir/x`, tree), '400 INVALID_REQUEST'],
    ['of a tree onto what exists: 409', () => root.copy(`${base}/dir`, `${base}/empty`, tree), '409 FILE_ALREADY_EXISTS'],
    ['below a file: 409', () => root.copy(`${base}/file`, `${base}/file/x`), '409 NOT_A_DIRECTORY'],
    ['over a directory: 400', () => root.copy(`${base}/file`, `${base}/dir`, { query: '?overwrite=true' }), '400 IS_A_DIRECTORY'],
    ['without permission to create: 403', () => alice.copy(`${base}/file`, `${base}/x`), '403 PERMISSION_DENIED'],
    [
      'with If-None-Match over what exists: 412',
      () => root.copy(`${base}/file`, `${base}/dir/inner`, { query: '?overwrite=true', headers: { 'if-none-match': '*' } }),
      '412 PRECONDITION_FAILED',
    ],
  ]);

  it('of what the caller may not read: 403, and nothing is made', async () => {
    await must(root.put(`${base}/dir/secret`, 'secret', { 'x-callfs-mode': '0600' }));
    const target = `/home/alice/stolen-${base.slice(1)}`;

    expect((await alice.copy(`${base}/dir/secret`, target)).outcome).toBe('403 PERMISSION_DENIED');
    expect((await alice.copy(`${base}/dir`, target, tree)).outcome).toBe('403 PERMISSION_DENIED');
    expect((await alice.get(target)).outcome).toBe('404 FILE_NOT_FOUND');
  });

  it('over what the caller may not write: 403, in a directory that she may write to', async () => {
    await must(root.patch(base, { mode: '0777' }));

    const refused = await alice.copy(`${base}/dir/inner`, `${base}/file`, { query: '?overwrite=true' });

    expect(refused.outcome).toBe('403 PERMISSION_DENIED');
    expect((await root.get(`${base}/file`)).text).toBe('old');
  });
});

describe('a directory gets another parent', () => {
  it('only from who may write to it, for its ".." is rewritten; a new name alone asks less', async () => {
    await must(root.patch(base, { mode: '0777' }));
    const home = `/home/alice/taken-${base.slice(1)}`;

    expect((await alice.move(`${base}/dir`, home)).outcome).toBe('403 PERMISSION_DENIED');
    expect((await alice.move(`${base}/dir`, `${base}/named`)).status).toBe(200);
    await must(root.patch(`${base}/named`, { mode: '0777' }));
    expect((await alice.move(`${base}/named`, home)).status).toBe(200);
  });
});

const tree = { query: '?recursive=true' };
