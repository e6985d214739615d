import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Drain } from '../../apps/callfs/src/http/drain';
import { rawRequest } from '../support/raw';
import { auth, seen, startShell, told } from './support/shell';
import { ask } from './support/use-shell';

/** A connection that collects what it is sent. */
async function open(shell: { port: number; host: string }, text: string): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect({ port: shell.port, host: shell.host, allowHalfOpen: true });
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  await once(socket, 'connect');
  socket.write(text);
  return { socket, received: () => received };
}

// CHECKS D7.
it('finishes what it is doing, closes what is idle and takes nothing new', async () => {
  const shell = await startShell();
  const waiting = once(seen, 'waiting');
  const busy = await open(shell, rawRequest('GET', '/v1/files/busy?wait=told', auth));
  await waiting;
  const silent = await open(shell, '');
  const idle = await open(shell, rawRequest('GET', '/v1/files/idle', auth));
  await once(idle.socket, 'data');
  const idleClosed = once(idle.socket, 'close');
  const silentClosed = once(silent.socket, 'close');
  const busyClosed = once(busy.socket, 'close');

  const closing = shell.app.close();
  await idleClosed;
  await silentClosed;
  const refused = connect(shell.port, shell.host);
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  expect(busy.received()).toBe('');
  told.emit('go on');
  await closing;
  await busyClosed;
  expect(busy.received()).toMatch(/^HTTP\/1\.1 200 .*path=\/busy$/s);
});

it('says goodbye with the answers that were under way', async () => {
  const shell = await startShell();
  const waiting = once(seen, 'waiting');
  const busy = await open(shell, rawRequest('GET', '/v1/files/busy?wait=told', auth));
  await waiting;
  const silent = await open(shell, '');
  const closed = Promise.all([once(silent.socket, 'close'), once(busy.socket, 'close')]);
  const closing = shell.app.close();
  await once(silent.socket, 'end');
  told.emit('go on');
  await Promise.all([closing, closed]);
  expect(busy.received()).toMatch(/^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s);
});

it('is not ready from the moment it is told to stop', async () => {
  const shell = await startShell();
  shell.app.get(Drain).onModuleDestroy();
  const answer = await ask(shell, 'GET', '/health/ready');
  expect([answer.status, answer.json.code]).toEqual([503, 'SHUTTING_DOWN']);
  expect(answer.headers.get('connection')).toBe('close');
  expect((await ask(shell, 'GET', '/health/live')).status).toBe(200);
  await shell.app.close();
});

it('breaks what is not finished within the grace', async () => {
  const shell = await startShell({ server: { shutdownGraceMs: 300 } });
  const waiting = once(seen, 'waiting');
  const aborted = once(seen, 'aborted');
  const busy = await open(shell, rawRequest('GET', '/v1/files/endless?wait=60000', auth));
  await waiting;
  const busyClosed = once(busy.socket, 'close');
  await shell.app.close();
  await busyClosed;
  expect(await aborted).toEqual(['/endless']);
  expect(busy.received()).toBe('');
});
