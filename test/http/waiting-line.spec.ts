import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import type { CallfsAdapter } from '../../apps/callfs/src/http/callfs-adapter';
import { parseResponses, rawRequest } from '../support/raw';
import { auth, seen, told } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell();

/** A connection on which requests are sent without waiting for answers. */
async function hastyClient() {
  const socket = connect({ host: shell.host, port: shell.port });
  await once(socket, 'connect');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  return {
    socket,
    answers: () => parseResponses(Buffer.concat(received)),
    send: (requests: string) => socket.write(requests, 'latin1'),
    async all(count: number) {
      while (!Buffer.concat(received.slice(-3)).toString('latin1').endsWith(`\r\n\r\npath=/${count}`)) await once(socket, 'data');
      return this.answers();
    },
  };
}

const requests = (count: number) =>
  Array.from({ length: count }, (_, i) => rawRequest('GET', `/v1/files/${i + 1}`, auth)).join('');

// CHECKS D1: it takes no key to send thousands of requests in a packet.
it('answers thousands of requests that were sent at once in their order, and others meanwhile', async () => {
  const count = 5_000;
  const hasty = await hastyClient();
  hasty.send(requests(count));
  await once(hasty.socket, 'data');
  expect((await ask(shell, 'GET', '/health/live')).status).toBe(200);
  expect(hasty.answers().length).toBeLessThan(count);
  const bodies = (await hasty.all(count)).map(({ body }) => body.toString());
  hasty.socket.destroy();
  expect(bodies).toEqual(Array.from({ length: count }, (_, i) => `path=/${i + 1}`));
});

// CHECKS D1.
it('reads no more requests from a connection than it can answer soon', async () => {
  const count = 10_000;
  const { connections } = shell.app.getHttpAdapter() as unknown as CallfsAdapter;
  const before = new Set(connections);
  const waiting = once(seen, 'waiting');
  const hasty = await hastyClient();
  hasty.send(rawRequest('GET', '/v1/files/first?wait=told', auth));
  await waiting;
  const [accepted] = [...connections].filter((socket) => !before.has(socket));
  const paused = once(accepted!, 'pause');
  const sent = requests(count);
  hasty.send(sent);
  await paused;
  for (let i = 0; i < 20; i++) await ask(shell, 'GET', '/health/live');
  expect(sent.length).toBeGreaterThan(900_000);
  expect(accepted!.bytesRead).toBeLessThan(200_000);
  told.emit('go on');
  const answers = await hasty.all(count);
  hasty.socket.destroy();
  expect(answers).toHaveLength(count + 1);
});
