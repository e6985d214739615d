import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { collectGarbage } from '../../libs/storage/src/testing/watched-body';
import { answerHeads } from '../../apps/callfs/src/http/base-headers';
import { Exchange } from '../../apps/callfs/src/http/exchange';
import { HttpFront } from '../../apps/callfs/src/http/front';
import { createNodeServer, type NodeServer } from '../../apps/callfs/src/http/node-server';
import { readBody } from '../../apps/callfs/src/http/request-body';
import { writeJson } from '../../apps/callfs/src/http/respond';
import { BodyMeter } from '../../apps/callfs/src/use-cases/body-meter';

const CHUNK = 40_000;
let server: NodeServer;
const connections = new Set<Socket>();

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

/** A server that answers every request with what comes of `handle`. */
async function serve(handle: (request: IncomingMessage) => Promise<string>, others = 0): Promise<number> {
  const times = { readTimeoutMs: 30_000, writeTimeoutMs: 30_000 };
  const front = new HttpFront({ heads: answerHeads(false), ...times, bodies: { inFlight: others } });
  front.route = (request: IncomingMessage, response: ServerResponse) => {
    void handle(request).then((value) => writeJson(Exchange.of(response), 200, value));
  };
  server = createNodeServer(times, front, connections);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Of a thousand slow uploads, what is held would be most. */
it.each([
  ['few', 0],
  ['many', 1000],
])('holds nothing that came before while it waits for the next bytes, of %s bodies', async (_how, others) => {
  const chunks: WeakRef<Uint8Array>[] = [];
  let bytes = 0;
  const taken = new EventTarget();
  const port = await serve(async (request) => {
    const meter = new BodyMeter(Buffer.alloc(0), readBody({ raw: request }), undefined, () => undefined);
    while (await takeNext(meter));
    return 'taken';
  }, others);
  // In a function of its own, so that the test holds none either.
  const takeNext = async (meter: BodyMeter): Promise<boolean> => {
    const { done, value } = await meter.next();
    if (done) return false;
    chunks.push(new WeakRef(value));
    bytes += value.length;
    taken.dispatchEvent(new Event(`${bytes}`));
    return true;
  };

  const socket = connect(port, '127.0.0.1');
  socket.write(`PUT /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${CHUNK * 10}\r\n\r\n`);
  for (let sent = CHUNK; sent <= CHUNK * 9; sent += CHUNK) {
    const arrived = new Promise((resolve) => taken.addEventListener(`${sent}`, resolve, { once: true }));
    socket.write(Buffer.alloc(CHUNK, sent / CHUNK));
    await arrived;
  }
  await turn();
  collectGarbage();
  expect(chunks.filter((chunk) => chunk.deref() !== undefined)).toHaveLength(0);
  expect(chunks.length).toBeGreaterThanOrEqual(9);

  socket.write(Buffer.alloc(CHUNK, 10));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  socket.destroy();
});

it('goes on with the connection after a small body of which only the beginning was wanted', async () => {
  const lengths: (number | undefined)[] = [];
  const port = await serve(async (request) => {
    const body = readBody({ raw: request });
    const { value } = await body.next();
    await body.return?.();
    lengths.push(value?.length);
    return request.method ?? '';
  });
  const socket = connect(port, '127.0.0.1');
  socket.write(`PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: ${CHUNK}\r\n\r\n${'x'.repeat(100)}`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  expect(first.toString()).toMatch(/"PUT"$/);
  // In two pieces, each more than a stream keeps.
  socket.write(Buffer.alloc(CHUNK / 2));
  const [there] = connections;
  while ((there?.bytesRead ?? 0) < CHUNK / 2) await turn();
  socket.write(Buffer.alloc(CHUNK / 2 - 100));
  socket.write('GET /x HTTP/1.1\r\nHost: x\r\n\r\n');
  const [second] = (await once(socket, 'data')) as [Buffer];
  expect(second.toString()).toMatch(/"GET"$/);
  expect(lengths).toEqual([100, undefined]);
  socket.destroy();
});
