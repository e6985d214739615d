import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Exchange } from '../exchange';
import { SocketBody } from './socket-body';

const FRAME = 64 * 1024;
const FRAMES = 256;

let server: WebSocketServer;
let client: WebSocket;
let accepted: WebSocket;

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[WebSocket]>;
  client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  [accepted] = await connected;
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
});
afterEach(() => {
  client.terminate();
  server.close();
});

it('holds a client back while nobody takes what came, and loses nothing', async () => {
  const settings = { bodies: { inFlight: 0 }, readTimeoutMs: 10_000 };
  const exchange = { bytesIn: 0, settings } as unknown as Exchange;
  const body = new SocketBody(accepted, exchange);
  for (let i = 0; i < FRAMES; i++) client.send(Buffer.alloc(FRAME, i));
  client.send('{"type":"end"}');
  await expect.poll(() => accepted.isPaused, { timeout: 60_000 }).toBe(true);
  // Of what was sent, most is still with the client and the system.
  const held = exchange.bytesIn;
  expect(held).toBeLessThan((FRAMES * FRAME) / 4);

  const seen: number[] = [];
  for await (const chunk of body) {
    expect(exchange.bytesIn - seen.length * FRAME).toBeLessThanOrEqual(held + FRAME);
    seen.push(chunk[0] ?? -1);
  }

  expect(seen).toEqual(Array.from({ length: FRAMES }, (_, i) => i));
  expect([exchange.bytesIn, settings.bodies.inFlight]).toEqual([FRAMES * FRAME, 0]);
});

it('does not take for silence that this process had no time to listen', async () => {
  const readTimeoutMs = 500;
  const exchange = { bytesIn: 0, settings: { bodies: { inFlight: 0 }, readTimeoutMs } } as unknown as Exchange;
  const body = new SocketBody(accepted, exchange)[Symbol.asyncIterator]();
  const first = body.next();
  client.send(Buffer.from('in time'));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, readTimeoutMs * 2);
  expect(await first).toEqual({ done: false, value: Buffer.from('in time') });
  await expect(body.next()).rejects.toThrow('Nothing of the upload came in');
});
