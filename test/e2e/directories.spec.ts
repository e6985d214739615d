import { beforeAll, describe, expect, it } from 'vitest';
import { encodePath, entries, names, paths, type Client, type Entry } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { useServer } from '../support/use-server';

type Query = Parameters<Client['list']>[1];

const server = useServer();
let root: Client;
let alice: Client;
let base: string;

/** name → size; mtimes are in the order of this list, so that the three sorts differ. */
const FILES: readonly (readonly [string, number])[] = [
  ['delta.txt', 1],
  ['alpha.log', 30],
  ['Charlie.txt', 20_000],
  ['bravo.txt', 30],
  ['écho.txt', 0],
];
const BY_NAME = ['Charlie.txt', 'alpha.log', 'bravo.txt', 'delta.txt', 'sub', 'écho.txt'];

beforeAll(async () => {
  root = server.client();
  alice = server.client('alice');
  base = await freshDirectory(root);
  for (const [index, [name, size]] of FILES.entries())
    await must(root.put(`${base}/${name}`, 'x'.repeat(size), { 'x-callfs-mtime': `2020-01-0${index + 1}T00:00:00Z` }));
  await must(root.put(`${base}/sub/one/two/three/leaf`, 'leaf'));
  await must(root.put(`${base}/sub/side`, 'side'));
  await must(root.patch(`${base}/sub`, { mtime: '2020-02-01T00:00:00Z' }));
});

describe('a listing', () => {
  it('names the directory and gives the entries sorted by the bytes of their names', async () => {
    const listing = await root.list(base);

    expect(listing.json).toMatchObject({ path: base, type: 'directory', recursive: false, count: 6 });
    expect(listing.json.next_cursor).toBeUndefined();
    expect(names(listing)).toEqual(BY_NAME);
  });

  it('gives whole entries', async () => {
    const [entry] = entries(await root.list(base, { glob: 'alpha.*' }));

    expect(entry).toEqual({
      name: 'alpha.log',
      path: `${base}/alpha.log`,
      type: 'file',
      size: 30,
      mode: '0644',
      uid: 0,
      gid: 0,
      owner: 'root',
      group: 'root',
      mtime: '2020-01-02T00:00:00.000000000Z',
      atime: expect.stringMatching(/Z$/),
      ctime: expect.stringMatching(/Z$/),
      etag: (await root.head(`${base}/alpha.log`)).header('etag'),
      nlink: 1,
      backend: 'localfs',
      instance_id: 'callfs-test',
    });
  });

  it('of the root and of an empty directory', async () => {
    const empty = await freshDirectory(root);

    expect((await root.list('/')).json.path).toBe('/');
    expect(paths(await root.list('/'))).toContain(base);
    expect((await root.list(empty)).json).toMatchObject({ count: 0, items: [] });
  });

  it('takes a slash at the end', async () => {
    expect((await root.list(`${base}/sub/`)).json).toMatchObject({ path: `${base}/sub`, count: 2 });
  });
});

describe('sorting', () => {
  it.each([
    ['name', 'asc', BY_NAME],
    ['name', 'desc', [...BY_NAME].reverse()],
    ['size', 'asc', ['sub', 'écho.txt', 'delta.txt', 'alpha.log', 'bravo.txt', 'Charlie.txt']],
    ['mtime', 'asc', ['delta.txt', 'alpha.log', 'Charlie.txt', 'bravo.txt', 'écho.txt', 'sub']],
    ['mtime', 'desc', ['sub', 'écho.txt', 'bravo.txt', 'Charlie.txt', 'alpha.log', 'delta.txt']],
  ])('by %s, %s', async (sort, order, expected) => {
    expect(names(await root.list(base, { sort, order }))).toEqual(expected);
  });

  it.each(['name', 'size', 'mtime'])('by %s happens before the limit, and pages join without gap or repetition', async (sort) => {
    for (const order of ['asc', 'desc']) {
      const whole = names(await root.list(base, { sort, order }));
      for (const limit of [1, 2, 4, 5, 6, 7]) expect(await pageThrough(base, { sort, order, limit })).toEqual(whole);
    }
  });
});

/** The names of all pages together; no page but the last is short. */
async function pageThrough(path: string, query: Record<string, string | number | boolean>): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await must(root.list(path, { ...query, ...(cursor === undefined ? {} : { cursor }) }));
    const listed = query['recursive'] === true ? paths(page) : names(page);
    cursor = page.json.next_cursor as string | undefined;
    if (cursor !== undefined) expect(listed.length).toBe(query['limit']);
    expect(page.json.count).toBe(listed.length);
    found.push(...listed);
  } while (cursor !== undefined);
  return found;
}

describe('selecting', () => {
  it.each([
    [{ type: 'file' }, ['Charlie.txt', 'alpha.log', 'bravo.txt', 'delta.txt', 'écho.txt']],
    [{ type: 'directory' }, ['sub']],
    [{ type: 'symlink' }, []],
    [{ glob: '*.txt' }, ['Charlie.txt', 'bravo.txt', 'delta.txt', 'écho.txt']],
    [{ glob: '?????.txt' }, ['bravo.txt', 'delta.txt']],
    [{ glob: '[a-c]*' }, ['alpha.log', 'bravo.txt']],
    [{ glob: '*', type: 'directory' }, ['sub']],
    [{ glob: 'nothing' }, []],
    [{ glob: '*.txt', limit: 2 }, ['Charlie.txt', 'bravo.txt']],
  ] as [Record<string, string | number>, string[]][])('%j', async (query, expected) => {
    expect(names(await root.list(base, query))).toEqual(expected);
  });

  it('pages through what is selected', async () => {
    expect(await pageThrough(base, { glob: '*.txt', limit: 1 })).toEqual(['Charlie.txt', 'bravo.txt', 'delta.txt', 'écho.txt']);
  });
});

describe('recursion', () => {
  const below = (levels: number) =>
    ['sub', 'sub/one', 'sub/one/two', 'sub/one/two/three', 'sub/one/two/three/leaf', 'sub/side']
      .filter((path) => path.split('/').length <= levels + 1)
      .map((path) => `${base}/${path}`);

  it.each([0, 1, 2, 3, 4, 100, 1000])('to a depth of %d below the children', async (max_depth) => {
    const listing = await root.list(base, { recursive: true, max_depth });

    expect(listing.json).toMatchObject({ recursive: true, max_depth });
    expect(
      paths(listing)
        .filter((path) => path.startsWith(`${base}/sub`))
        .sort(),
    ).toEqual(below(max_depth).sort());
  });

  it('pages through a tree', async () => {
    const whole = paths(await root.list(base, { recursive: true }));
    expect(whole).toHaveLength(11);

    for (const limit of [1, 3, 10, 11]) expect(await pageThrough(base, { recursive: true, limit })).toEqual(whole);
  });

  it('goes on from a cursor although the entry it stands at is gone', async () => {
    const dir = await freshDirectory(root);
    for (const name of ['a', 'b', 'c', 'd']) await must(root.put(`${dir}/${name}`, name));
    const first = await root.list(dir, { limit: 2 });
    await must(root.delete(`${dir}/b`));
    await must(root.put(`${dir}/bb`, 'new'));

    expect(names(await root.list(dir, { limit: 10, cursor: String(first.json.next_cursor) }))).toEqual(['bb', 'c', 'd']);
  });

  it('leaves out what the caller may not read, and counts it', async () => {
    const dir = await freshDirectory(root);
    await must(root.put(`${dir}/open/file`, 'x'));
    await must(root.put(`${dir}/closed/secret-name`, 'x'));
    await must(root.patch(`${dir}/closed`, { mode: '0700' }));
    await must(root.put(`${dir}/unsearchable/hidden`, 'x'));
    await must(root.patch(`${dir}/unsearchable`, { mode: '0700' }));

    const listing = await alice.list(dir, { recursive: true });

    expect(paths(listing)).toEqual([`${dir}/closed`, `${dir}/open`, `${dir}/open/file`, `${dir}/unsearchable`]);
    expect(listing.json.skipped).toBe(2);
    expect((await root.list(dir, { recursive: true })).json.skipped ?? 0).toBe(0);
  });

  it('counts each that it leaves out on one page, and at the end of a stream', async () => {
    const dir = await freshDirectory(root);
    for (const name of ['c0', 'c1', 'c2']) await must(root.mkdir(`${dir}/${name}`, '0700'));
    await must(root.put(`${dir}/zz`, 'x'));
    const pages = async (query: Query) => {
      const skipped: number[] = [];
      for (let cursor: string | undefined, first = true; first || cursor; first = false) {
        const page = await alice.list(dir, { recursive: true, limit: 2, ...query, ...(cursor ? { cursor } : {}) });
        skipped.push(Number(page.json.skipped ?? 0));
        cursor = page.json.next_cursor as string | undefined;
      }
      return skipped;
    };
    expect(await pages({})).toEqual([2, 1]);
    expect(await pages({ order: 'desc' })).toEqual([1, 2]);
    expect(await pages({ type: 'file' })).toEqual([3]);
    expect(await pages({ sort: 'size' })).toEqual([3, 0]);
    const lines = async (query: Query) => {
      const answer = await alice.list(dir, { recursive: true, ...query }, { accept: 'application/x-ndjson' });
      return answer.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Partial<Entry> & { skipped?: number });
    };
    const told = (found: Awaited<ReturnType<typeof lines>>) => found.map(({ name, skipped }) => name ?? skipped);
    expect(told(await lines({}))).toEqual(['c0', 'c1', 'c2', 'zz', 3]);
    expect(told(await lines({ limit: 2 }))).toEqual(['c0', 'c1', 2]);
    expect(told(await lines({ type: 'file' }))).toEqual(['zz', 3]);
  });

  it('does not follow links', async () => {
    const dir = await freshDirectory(root);
    await must(root.put(`${dir}/real/file`, 'x'));
    await must(root.symlink(`${dir}/real/up`, '..'));

    expect(paths(await root.list(dir, { recursive: true }))).toEqual([`${dir}/real`, `${dir}/real/file`, `${dir}/real/up`]);
  });
});

describe('NDJSON', () => {
  const accept = { accept: 'application/x-ndjson' };

  it('streams one entry a line, the same as the listing has', async () => {
    const listing = entries(await root.list(base, { recursive: true }));

    const answer = await root.list(base, { recursive: true }, accept);

    expect(answer.header('content-type')).toMatch(/^application\/x-ndjson/);
    const lines = answer.text.trimEnd().split('\n');
    expect(answer.text.endsWith('\n')).toBe(true);
    expect(lines.map((line) => JSON.parse(line) as Entry)).toEqual(listing);
  });

  it('is not cut at a thousand', async () => {
    const dir = await freshDirectory(root);
    const files = Array.from({ length: 2_100 }, (_, index) => `f${String(index).padStart(5, '0')}`);
    await Promise.all(files.map((name) => must(root.put(`${dir}/${name}`, ''))));

    const page = await root.list(dir);
    expect([names(page).length, typeof page.json.next_cursor]).toEqual([1_000, 'string']);
    expect((await pageThrough(dir, { limit: 700 })).length).toBe(2_100);
    const streamed = async (query: Record<string, string>) => {
      const lines = (await root.list(dir, query, accept)).text.trimEnd().split('\n');
      return lines.map((line) => (JSON.parse(line) as Entry).name);
    };
    expect(await streamed({})).toEqual(files);
    expect(await streamed({ sort: 'size' })).toEqual(files);
    expect(await streamed({ order: 'desc' })).toEqual(files.toReversed());
  });

  it('ends after "limit" entries, goes on behind a cursor, and refuses bad ones of both', async () => {
    const all = paths(await root.list(base, { recursive: true }));
    const cursor = String((await root.list(base, { recursive: true, limit: 2 })).json.next_cursor);
    const streamed = async (query: Record<string, string | number>) => {
      const { text } = await root.list(base, { recursive: true, ...query }, accept);
      return text.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as Entry).path]));
    };

    expect(await streamed({ limit: 3 })).toEqual(all.slice(0, 3));
    expect(await streamed({ limit: 100_000 })).toEqual(all);
    expect(await streamed({ cursor })).toEqual(all.slice(2));
    expect(await streamed({ cursor, limit: 3 })).toEqual(all.slice(2, 5));
    for (const query of ['limit=0', 'limit=x', 'cursor=x'])
      expect((await root.request('GET', `/v1/directories${encodePath(base)}?${query}`, { headers: accept })).outcome).toBe(
        '400 INVALID_REQUEST',
      );
  });

  it.each<[string, string]>([
    ['application/json, application/x-ndjson;q=0', 'application/json'],
    ['application/x-ndjson; q=0.000', 'application/json'],
    ['Application/X-NDJSON;q=0.5, */*', 'application/x-ndjson'],
  ])('"Accept: %s" gets %s', async (accepted, type) => {
    expect((await root.list(base, {}, { accept: accepted })).header('content-type')).toBe(type);
  });

  it('of an empty directory is empty', async () => {
    const answer = await root.list(await freshDirectory(root), {}, accept);
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

describe('what cannot be listed', () => {
  it('a file: 400, nothing: 404, without permission: 403', async () => {
    await must(root.mkdir(`${base}-closed`, '0700'));

    expect((await root.list(`${base}/delta.txt`)).outcome).toBe('400 NOT_A_DIRECTORY');
    expect((await root.list(`${base}/nothing`)).outcome).toBe('404 FILE_NOT_FOUND');
    expect((await root.list(`${base}/delta.txt/below`)).outcome).toBe('404 FILE_NOT_FOUND');
    expect((await alice.list(`${base}-closed`)).outcome).toBe('403 PERMISSION_DENIED');
  });

  it.each([
    'limit=0',
    'limit=-1',
    'limit=10001',
    'limit=ten',
    'limit=1.5',
    'limit=1e3',
    'limit=',
    'max_depth=-1',
    'max_depth=1001',
    'max_depth=x',
    'recursive=perhaps',
    'sort=owner',
    'order=up',
    'type=socket',
    'limit=1&limit=2',
    'glob=%ff',
  ])('%s: 400', async (query) => {
    expect((await root.request('GET', `/v1/directories${encodePath(base)}?${query}`)).outcome).toBe('400 INVALID_REQUEST');
  });

  it('with a cursor that was changed, or that another listing gave: 400', async () => {
    const cursor = String((await root.list(base, { limit: 2 })).json.next_cursor);
    const middle = Math.floor(cursor.length / 2);
    const flipped = `${cursor.slice(0, middle)}${cursor[middle] === 'A' ? 'B' : 'A'}${cursor.slice(middle + 1)}`;

    for (const bad of [flipped, cursor.slice(1), cursor.slice(0, -2), `${cursor}AA`, cursor.toUpperCase() + 'x'])
      expect([bad, (await root.list(base, { limit: 2, cursor: bad })).outcome]).toEqual([bad, '400 INVALID_REQUEST']);
    expect((await root.list(base, { limit: 2, cursor, sort: 'size' })).outcome).toBe('400 INVALID_REQUEST');
    expect((await root.list(base, { limit: 2, cursor, order: 'desc' })).outcome).toBe('400 INVALID_REQUEST');
    expect((await root.list(`${base}/sub`, { limit: 2, cursor })).outcome).toBe('400 INVALID_REQUEST');
    expect((await root.list(base, { limit: 2, cursor })).status).toBe(200);
  });
});

describe('D5 globs', () => {
  it('take linear time', async () => {
    const dir = await freshDirectory(root);
    await must(root.put(`${dir}/${'a'.repeat(255)}`, ''));

    // One that tried every way would be at it for longer than any test may take.
    const listing = await root.list(dir, { glob: `${'*a'.repeat(120)}*b` });

    expect(names(listing)).toEqual([]);
  });
});
