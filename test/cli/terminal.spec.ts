import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { findingText } from '../../apps/callfs/src/cli/upkeep/finding-text';
import { runCli, useDirectory } from './run-cli';

const directory = useDirectory();
/** Clears the screen of a terminal that obeys C1 controls, which names may hold. */
const CLEAR = '\u009b2J';

it('what fsck and scrub find is told without what a terminal would obey', () => {
  const message = 'the blob is damaged';
  const finding = { state: 'found', kind: 'damaged', message, paths: [`/a${CLEAR}`], content: 1, key: 'k', backend: 'localfs' };
  const text = findingText(finding as unknown as Parameters<typeof findingText>[0], (_style, shown) => shown);
  expect(text).toContain('files: "/a?2J"');
});

it('what a server says when it refuses is told without what a terminal would obey', async () => {
  const server = createServer((_request, response) => {
    const body = JSON.stringify({ code: 'PERMISSION_DENIED', message: `not for you: /a${CLEAR}\u001b[31m`, request_id: 'r' });
    response.writeHead(403, { 'Content-Type': 'application/json' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = { CALLFS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, CALLFS_API_KEY: 'k' };
  const { code, stderr } = await runCli(['ls', '/a'], { cwd: directory.path, env });
  server.close();
  expect([code, stderr]).toEqual([1, 'callfs: not for you: /a?2J?[31m\n']);
});
