import { mkdir, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entries, type Client } from '../support/client';
import { freshDirectory } from '../support/fixture';
import { useServer } from '../support/use-server';
import { clientIn, useDirectory } from './run-cli';

const COMPOSED = 'caf\u00e9';
const DECOMPOSED = 'cafe\u0301';

const server = useServer();
const directory = useDirectory();
let root: Client;
let base: string;

const here = (name: string) => join(directory.path, name);
const cli = clientIn(directory, server);
const contentsBelow = async (top: string) =>
  Promise.all(
    entries(await root.list(top, { recursive: true }))
      .filter(({ type }) => type === 'file')
      .map(async ({ path }) => `${path.slice(top.length)}=${(await root.get(path)).body.toString()}`),
  );

beforeAll(() => {
  root = server.client();
});
beforeEach(async () => {
  base = await freshDirectory(root);
});

describe('P9 two names that are one to CallFS', () => {
  beforeAll(async () => {
    for (const name of [COMPOSED, DECOMPOSED]) {
      await mkdir(here(`accents/dir-${name}`), { recursive: true });
      await writeFile(here(`accents/dir-${name}/f`), name === COMPOSED ? 'c' : 'd');
      await writeFile(here(`accents/${name}`), name === COMPOSED ? 'c' : 'd');
    }
    execFileSync('tar', ['-c', '--sort=name', '-C', 'accents', '-f', 'accents.tar', '.'], { cwd: directory.path });
  });

  it.each([
    ['put', '-r', 'accents'],
    ['import', 'accents'],
    ['import', 'accents.tar'],
  ])('%s %s: one of them is kept, the other is told of: 3', async (...args) => {
    const { code, stderr } = await cli(...args, `${base}/into`);
    expect({ code, stderr }).toMatchObject({ code: 3 });
    expect(stderr.match(/which is written with other Unicode characters\. Rename one$/gm)).toHaveLength(2);
    expect(await contentsBelow(`${base}/into`)).toEqual([`/${COMPOSED}=d`, `/dir-${COMPOSED}/f=d`]);
  });

  it('are no matter between two commands', async () => {
    expect(await cli('put', `accents/${COMPOSED}`, `${base}/`)).toMatchObject({ code: 0 });
    expect(await cli('put', `accents/${DECOMPOSED}`, `${base}/`)).toMatchObject({ code: 0 });
    expect(await contentsBelow(base)).toEqual([`/${COMPOSED}=d`]);
  });
});

it('a name that is not UTF-8 is told as that, and the rest is carried: 3', async () => {
  await mkdir(here('bytes'));
  await writeFile(Buffer.concat([Buffer.from(here('bytes/x')), Buffer.from([0xff])]), 'x');
  await writeFile(here('bytes/y'), 'y');
  const { code, stderr } = await cli('put', '-r', 'bytes', `${base}/into`);
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('its name is not UTF-8. Rename it\n') });
  expect(await contentsBelow(`${base}/into`)).toEqual(['/y=y']);
});

it('a file that says it is empty and is not is never stored as an empty one', async () => {
  expect(await cli('put', '/proc/version', `${base}/version`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('it says that it is empty, and is not'),
  });
  expect((await root.get(`${base}/version`)).status).toBe(404);
});
