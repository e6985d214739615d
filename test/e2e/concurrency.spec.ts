import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { names, paths, type Answer, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes, Random, sha256 } from '../support/random';
import { PATIENT } from '../support/server';
import { useServer } from '../support/use-server';

const server = useServer({ config: PATIENT });
let root: Client;
let base: string;

beforeAll(() => {
  root = server.client();
});

beforeEach(async () => {
  base = await freshDirectory(root);
});

const ROUNDS = 20;
const tally = (answers: readonly Answer[]) => answers.map(({ outcome }) => outcome).sort();
const repeat = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));

describe('P4 of parallel conditional writers exactly one wins', () => {
  it.each([100, 50_000])('50 writers of %d bytes with one ETag', async (size) => {
    await must(root.put(`${base}/file`, 'start'));
    const etag = (await root.head(`${base}/file`)).header('etag');
    const bodies = repeat(50, (index) => patternBytes(index + 1, size));

    const answers = await Promise.all(bodies.map((body) => root.put(`${base}/file`, body, { 'if-match': etag })));

    expect(tally(answers)).toEqual(['200', ...repeat(49, () => '412 PRECONDITION_FAILED')]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect(sha256((await root.get(`${base}/file`)).body)).toBe(sha256(bodies[winner] as Buffer));
  });

  it('a writer, a mover and a remover with one ETag', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = `${base}/file-${round}`;
      await must(root.put(path, 'start'));
      const headers = { 'if-match': (await root.head(path)).header('etag') };

      const [put, moved, removed] = await Promise.all([
        root.put(path, 'changed', headers),
        root.patch(path, { destination: `${path}-moved` }, headers),
        root.delete(path, { headers }),
      ]);

      expect([put, moved, removed].filter(({ status }) => status < 300)).toHaveLength(1);
    }
  });
});

describe('P5 of parallel creators exactly one wins', () => {
  it.each([
    ['POST', (path: string, body: Buffer) => root.post(path, body), '409 FILE_ALREADY_EXISTS'],
    [
      'PUT with If-None-Match: *',
      (path: string, body: Buffer) => root.put(path, body, { 'if-none-match': '*' }),
      '412 PRECONDITION_FAILED',
    ],
  ])('50 × %s', async (_, create, refusal) => {
    const bodies = repeat(50, (index) => patternBytes(index + 1, index % 2 === 0 ? 100 : 50_000));

    const answers = await Promise.all(bodies.map((body) => create(`${base}/a/b/file`, body)));

    expect(tally(answers)).toEqual(['201', ...repeat(49, () => refusal)]);
    const winner = answers.findIndex(({ status }) => status === 201);
    expect(sha256((await root.get(`${base}/a/b/file`)).body)).toBe(sha256(bodies[winner] as Buffer));
  });

  it('of plain PUTs one creates, the others replace', async () => {
    const answers = await Promise.all(repeat(50, (index) => root.put(`${base}/file`, `body ${index}`)));

    expect(tally(answers)).toEqual([...repeat(49, () => '200'), '201']);
  });

  it('of a file and a directory of one name', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all([root.post(`${base}/${round}`, 'x'), root.mkdir(`${base}/${round}`)]);
      expect(tally(answers)).toEqual(['201', '409 FILE_ALREADY_EXISTS']);
    }
  });
});

describe('C2 one file renamed to two names at once', () => {
  it('one 200, one 404', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = `${base}/file-${round}`;
      await must(root.put(path, `${round}`));

      const answers = await Promise.all([root.move(path, `${path}-a`), root.move(path, `${path}-b`)]);

      expect(tally(answers)).toEqual(['200', '404 FILE_NOT_FOUND']);
      const target = `${path}-${answers[0]?.status === 200 ? 'a' : 'b'}`;
      expect((await root.get(target)).text).toBe(`${round}`);
    }
    expect(names(await root.list(base))).toHaveLength(ROUNDS);
  });

  it('two files renamed to one name: one 200, one 409', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await must(root.put(`${base}/${round}-a`, 'a'));
      await must(root.put(`${base}/${round}-b`, 'b'));

      const answers = await Promise.all(['a', 'b'].map((name) => root.move(`${base}/${round}-${name}`, `${base}/${round}`)));

      expect(tally(answers)).toEqual(['200', '409 FILE_ALREADY_EXISTS']);
      expect((await root.get(`${base}/${round}`)).text).toBe(answers[0]?.status === 200 ? 'a' : 'b');
    }
  });
});

describe('C3 directories under way', () => {
  it('L11 the rename of a directory against PUTs below it loses no acknowledged file', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const dir = `${base}/dir-${round}`;
      await must(root.put(`${dir}/first`, 'first'));

      const [moved, ...puts] = await Promise.all([
        root.move(dir, `${dir}-moved`),
        ...repeat(5, (index) => root.put(`${dir}/f${index}`, `${round}.${index}`)),
      ]);

      expect(moved.status).toBe(200);
      for (const [index, put] of puts.entries()) {
        expect(put.outcome).toBe('201');
        const found = await Promise.all([root.get(`${dir}/f${index}`), root.get(`${dir}-moved/f${index}`)]);
        expect(found.filter(({ status }) => status === 200).map(({ text }) => text)).toEqual([`${round}.${index}`]);
      }
    }
  });

  it('rmdir against create in it: never a file in nothing', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const dir = `${base}/dir-${round}`;
      await must(root.mkdir(dir));

      const [removed, created] = await Promise.all([root.delete(dir), root.post(`${dir}/file`, 'x')]);

      // POST makes missing parents, so it always succeeds; the directory goes before, or not at all.
      expect(created.status).toBe(201);
      expect(['204', '409 DIRECTORY_NOT_EMPTY']).toContain(removed.outcome);
      expect((await root.get(`${dir}/file`)).text).toBe('x');
    }
  });

  it('a recursive removal against creates in it: each create is wholly before or after', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const dir = `${base}/dir-${round}`;
      await must(root.put(`${dir}/old/file`, 'old'));

      const [removed, ...created] = await Promise.all([
        root.delete(dir, { recursive: true }),
        ...repeat(4, (index) => root.post(`${dir}/n${index}/file`, 'new')),
      ]);

      expect([removed.status, ...created.map(({ status }) => status)]).toEqual([204, 201, 201, 201, 201]);
      expect((await root.get(`${dir}/old/file`)).outcome).toBe('404 FILE_NOT_FOUND');
      const listing = await root.list(dir, { recursive: true });
      const left = listing.status === 404 ? [] : paths(listing).filter((path) => path.endsWith('/file'));
      for (const path of left) expect((await root.get(path)).text).toBe('new');
    }
  });

  it('DELETE during GET: the reader finishes its version', async () => {
    const bytes = patternBytes(3, 8_000_000);
    await must(root.put(`${base}/big`, bytes));

    const reading = root.get(`${base}/big`);
    const removed = await root.delete(`${base}/big`);
    const answer = await reading;

    expect(removed.status).toBe(204);
    if (answer.status === 200) expect(sha256(answer.body)).toBe(sha256(bytes));
    else expect(answer.outcome).toBe('404 FILE_NOT_FOUND');
  });

  it('50 × mkdir -p of one path: one 201, 49 × 200', async () => {
    const answers = await Promise.all(repeat(50, () => root.mkdir(`${base}/a/b/c/d`)));

    expect(tally(answers)).toEqual([...repeat(49, () => '200'), '201']);
    expect(paths(await root.list(base, { recursive: true }))).toEqual(
      ['a', 'a/b', 'a/b/c', 'a/b/c/d'].map((path) => `${base}/${path}`),
    );
  });

  it('50 × PUT of different files below one missing directory: all are there', async () => {
    const answers = await Promise.all(repeat(50, (index) => root.put(`${base}/x/y/f${index}`, `${index}`)));

    expect(tally(answers)).toEqual(repeat(50, () => '201'));
    expect(names(await root.list(`${base}/x/y`))).toHaveLength(50);
  });
});

describe('P2 a reader sees one version', () => {
  it.each([1_000, 300_000])('whole reads and ranges of %d bytes during overwrites', async (size) => {
    const versions = new Map(repeat(6, (index) => patternBytes(100 + index, size)).map((bytes) => [sha256(bytes), bytes]));
    const bodies = [...versions.values()];
    await must(root.put(`${base}/file`, bodies[0] as Buffer));
    const random = new Random(5);
    let writing = true;
    const writer = async () => {
      for (let i = 0; i < 40; i++) expect((await root.put(`${base}/file`, bodies[i % bodies.length] as Buffer)).status).toBe(200);
      writing = false;
    };
    const reader = async () => {
      while (writing) {
        const whole = await root.get(`${base}/file`);
        expect(versions.has(sha256(whole.body))).toBe(true);
        expect(whole.header('repr-digest')).toBe(`sha-256=:${Buffer.from(sha256(whole.body), 'hex').toString('base64')}:`);
        const start = random.below(size - 10);
        const part = await root.get(`${base}/file`, { range: `bytes=${start}-` });
        expect(part.status).toBe(206);
        const digest = Buffer.from(/:(.*):/.exec(part.header('repr-digest') ?? '')?.[1] ?? '', 'base64').toString('hex');
        expect(part.body.equals((versions.get(digest) as Buffer).subarray(start))).toBe(true);
      }
    };

    await Promise.all([writer(), reader(), reader(), reader()]);
  });
});

describe('P3 an acknowledged write is seen by the next read', () => {
  it('of content, attributes, names and listings', async () => {
    for (let round = 0; round < 50; round++) {
      const path = `${base}/r${round}`;
      await must(root.put(path, `${round}`));
      expect((await root.get(path)).text).toBe(`${round}`);
      await must(root.patch(path, { mode: '0600' }));
      expect((await root.head(path)).header('x-callfs-mode')).toBe('0600');
      await must(root.move(path, `${path}m`));
      expect([(await root.get(path)).status, (await root.get(`${path}m`)).text]).toEqual([404, `${round}`]);
      expect(names(await root.list(base))).toEqual([`r${round}m`]);
      await must(root.delete(`${path}m`));
      expect(names(await root.list(base))).toEqual([]);
    }
  });
});

describe('P6 a tree moves all or nothing', () => {
  it('no listing sees a part of it', async () => {
    const count = 200;
    await Promise.all(repeat(count, (index) => must(root.put(`${base}/from/d${index % 10}/f${index}`, ''))));
    let moving = true;
    const mover = async () => {
      for (let i = 0; i < 30; i++) {
        const [source, target] = i % 2 === 0 ? ['from', 'to'] : ['to', 'from'];
        expect((await root.move(`${base}/${source}`, `${base}/${target}`)).status).toBe(200);
      }
      moving = false;
    };
    const watcher = async () => {
      while (moving) {
        const seen = await Promise.all(['from', 'to'].map((name) => root.get(`${base}/${name}/d0/f0`)));
        expect(seen.every(({ status }) => status === 200 || status === 404)).toBe(true);
        for (const name of ['from', 'to']) {
          const listing = await root.list(`${base}/${name}`, { recursive: true, type: 'file' });
          if (listing.status === 200) expect([0, count]).toContain(listing.json.count);
        }
      }
    };

    await Promise.all([mover(), watcher()]);
  });
});
