import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT_KEY } from '../support/server';
import { runCli, useDirectory } from './run-cli';

const DORA = { name: 'dora', uid: 2100, gid: 2100, groups: [2101, 3000], umask: '0022', source: 'metadata' };

const directory = useDirectory();
let older: Server;

/** While a cluster is upgraded, the program at hand is newer than the node that answers. These are that one's answers. */
beforeAll(async () => {
  older = createServer((request, response) => {
    if (request.method === 'DELETE') response.writeHead(204).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ count: 1, items: [DORA] }));
  });
  await once(older.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => older.close());

const cli = (...args: string[]) => {
  const url = `http://127.0.0.1:${(older.address() as AddressInfo).port}`;
  return runCli(args, { cwd: directory.path, env: { CALLFS_URL: url, CALLFS_API_KEY: ROOT_KEY } });
};

describe('a command to a server that is older', () => {
  it('has revoked the key that it says it has, without a word of what else ended', async () => {
    expect(await cli('keys', 'revoke', '1a2b3c4d')).toEqual({ code: 0, stdout: '1a2b3c4d\n', stderr: '' });
  });

  it('lists the users with the numbers of their groups, where no names are told', async () => {
    const listed = await cli('users', 'list');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(/^dora +2100 +2100 +2101,3000 +0022 +metadata$/m);
  });
});
