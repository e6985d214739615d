import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { auth, seen } from './support/shell';
import { ask, useShell } from './support/use-shell';

const READ_TIMEOUT_MS = 600;
const shell = useShell({ server: { readTimeoutMs: READ_TIMEOUT_MS, writeTimeoutMs: 1_000 } });

// CHECKS D1. The waits are the subject here: silence cannot be awaited in any other way.

it('takes a healthy upload that is slower than every timeout', async () => {
  const pieces = Array.from({ length: 12 }, () => [() => sleep(READ_TIMEOUT_MS / 3), 'ab']).flat();
  const head = rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': 24 });
  const { responses } = await rawExchange(shell, [head, ...pieces]);
  expect(responses[0]?.status).toBe(201);
  expect(JSON.parse(String(responses[0]?.body))).toMatchObject({ bytes: 24 });
});

it('does not take for silence of a client that the server itself had no time to listen', async () => {
  const receiving = once(seen, 'upload');
  const socket = connect(shell.port, shell.host);
  socket.write(rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': 4, Connection: 'close' }, 'ab'));
  await receiving;
  // What has come is taken. Timers are what comes next for the event loop, and the rest of the body after them.
  await sleep(READ_TIMEOUT_MS / 6);
  await new Promise(setImmediate);
  socket.write('cd');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READ_TIMEOUT_MS * 2);
  let answer = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString();
  expect(answer).toMatch(/^HTTP\/1\.1 201 /);
});

it('answers 408 to an upload that stalls, and fails it', async () => {
  const failed = once(seen, 'upload failed');
  const { responses, closed } = await rawExchange(
    shell,
    rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': 24 }, 'ab'),
    {
      untilClose: true,
    },
  );
  expect(responses[0]?.status).toBe(408);
  expect(JSON.parse(String(responses[0]?.body))).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  expect(responses[0]?.headers.get('connection')).toBe('close');
  expect(closed).toBe(true);
  expect(await failed).toEqual(['CONTENT_LENGTH_MISMATCH']);
});

it('leaves a request alone that the server itself is slow with', async () => {
  const answer = await ask(shell, 'GET', '/v1/files/slow?wait=2500', auth);
  expect([answer.status, answer.text]).toEqual([200, 'path=/slow']);
});

it('cuts off headers that never end', async () => {
  const { responses, closed } = await rawExchange(shell, 'GET /v1/files/a HTTP/1.1\r\nHost: x\r\n', { untilClose: true });
  expect(responses[0]?.status).toBe(408);
  expect(closed).toBe(true);
});

it('cuts off headers that come a letter at a time', async () => {
  const drip = Array.from({ length: 40 }, () => [() => sleep(100), 'x']).flat();
  const { responses, closed } = await rawExchange(shell, ['GET /v1/files/a HTTP/1.1\r\nX-Slow: ', ...drip], { untilClose: true });
  expect(responses[0]?.status).toBe(408);
  expect(closed).toBe(true);
});

it('closes a connection that never says anything, without a word', async () => {
  const { bytes, closed } = await rawExchange(shell, '', { untilClose: true });
  expect(bytes.length).toBe(0);
  expect(closed).toBe(true);
});

it('breaks the connection of a client that does not read', async () => {
  const socket = connect(shell.port, shell.host);
  socket.pause();
  socket.write(rawRequest('GET', '/v1/files/x?stream=200000000', auth));
  await once(socket, 'connect');
  const line = await shell.line((entry) => entry.aborted === true && Number(entry.bytes_out) > 0);
  expect(line.status).toBe(200);
  expect(Number(line.bytes_out)).toBeLessThan(200_000_000);
  socket.destroy();
});

it('sends a large body to a slow but steady reader', async () => {
  const size = 6_000_000;
  const socket = connect(shell.port, shell.host);
  socket.write(rawRequest('GET', `/v1/files/x?stream=${size}`, { ...auth, Connection: 'close' }));
  let received = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received += chunk.length;
    await sleep(25);
  }
  expect(received).toBeGreaterThan(size);
});

it('keeps a connection for longer than the read timeout between two requests', async () => {
  const request = rawRequest('GET', '/v1/files/a', auth);
  const { responses } = await rawExchange(shell, [request, () => sleep(READ_TIMEOUT_MS * 3), request], { responses: 2 });
  expect(responses.map(({ status }) => status)).toEqual([200, 200]);
});
