// npm run bench:pressure: what small requests feel of large ones, and how much memory a thousand transfers take.
import http from 'node:http';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AUTHORIZATION, KEY } from './callfs.mjs';
import { Filler } from './fill.mjs';
import { fetches, upload, wrkResult } from './load.mjs';
import { OneByOne } from './one-by-one.mjs';
import { inScratch, run } from './scratch.mjs';
import { compile, findTools } from './tools.mjs';

const USAGE = `npm run bench:pressure [-- OPTIONS]

  --seconds N    of small requests with and without large ones beside them (10)
  --transfers N  uploads of 10 MiB, then downloads of 100 MiB, at once (1000)
  --check        end with 1 when a bound of docs/performance.md is passed
`;

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const ENTRIES = 100_000;
const CONNECTIONS = 64;
const NAMES = 1000;
const P99_TO_P50 = 4;
const LOOP_MAX_MS = 20;
const LOOP_HOLD = fileURLToPath(new URL('loop-hold.mjs', import.meta.url));
const IDLE_MAX_BYTES = 180e6;
const LOADED_MAX_BYTES = 400e6;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    transfers: { type: 'string', default: '1000' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Small reads while nothing else goes on, and while a large upload, long listings and removals of large trees do. */
async function company(server, tools, seconds) {
  const small = { url: server.url, connections: CONNECTIONS, method: 'GET', prefix: '/v1/files/small/f', names: NAMES };
  const read = () => wrkResult(tools.wrk, { ...small, seconds, headers: [AUTHORIZATION] });
  await read();
  const alone = await read();
  const client = new OneByOne(server.port);
  await loopHold(server);
  let trees = 0;
  const beside = { over: false };
  const again = async (work) => {
    while (!beside.over) await work();
  };
  const headers = [AUTHORIZATION];
  // Node takes in one new connection in a turn of its loop, and `wrk` multiplies what is slow at its start: first all are open.
  const reading = read();
  await new Promise((resolve) => setTimeout(resolve, CONNECTED_MS));
  const large = [
    again(() =>
      upload(tools.transfer, { port: server.port, path: `/v1/files/large-${trees}-`, seconds: 0.1, size: GIB, headers }),
    ),
    again(() => fetches(tools.transfer, { port: server.port, path: '/v1/files/long', seconds: 0.1, headers })),
    again(() => (trees < TREES ? client.ask('DELETE', `/v1/files/tree-${trees++}?recursive=true`) : pause())),
  ];
  const together = await reading;
  beside.over = true;
  await Promise.all(large);
  const loop = await loopHold(server);
  client.close();
  return { alone, together, loop, trees };
}

const CONNECTED_MS = 500;
const TREES = 20;

function pause() {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

/** The longest turn of the event loop since it was asked last; see loop-hold.mjs. */
async function loopHold({ child, directory }) {
  const file = join(directory, 'loop-hold.json');
  rmSync(file, { force: true });
  child.kill('SIGUSR2');
  while (!existsSync(file)) await pause();
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function memory(server, count) {
  server.resetPeak();
  await inParallel(count, (number) => send(server.port, `/v1/files/up/${number}`, 10 * MIB));
  const uploads = server.memory().peak;
  await send(server.port, '/v1/files/hundred', 100 * MIB);
  server.resetPeak();
  await inParallel(count, () => receive(server.port, '/v1/files/hundred', 100 * MIB));
  return { uploads, downloads: server.memory().peak };
}

function inParallel(count, work) {
  return Promise.all(Array.from({ length: count }, (_, number) => work(number)));
}

const options = (port, method, path, headers) => ({
  port,
  host: '127.0.0.1',
  method,
  path,
  agent: false,
  headers: { Authorization: `Bearer ${KEY}`, ...headers },
});

const chunk = Buffer.alloc(64 * 1024, 'x');

function send(port, path, size) {
  return new Promise((resolve, reject) => {
    const request = http.request(options(port, 'PUT', path, { 'Content-Length': size }), (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode < 300 ? resolve() : reject(new Error(`PUT ${path}: ${response.statusCode}`)),
      );
    });
    request.on('error', reject);
    let left = size;
    const write = () => {
      while (left > 0) {
        left -= chunk.length;
        if (!request.write(chunk)) return request.once('drain', write);
      }
      request.end();
    };
    write();
  });
}

function receive(port, path, size) {
  return new Promise((resolve, reject) => {
    const request = http.request(options(port, 'GET', path, {}), (response) => {
      let bytes = 0;
      response.on('data', (data) => (bytes += data.length));
      response.on('error', reject);
      response.on('end', () => (bytes === size ? resolve() : reject(new Error(`GET ${path}: ${bytes} bytes`))));
    });
    request.on('error', reject);
    request.end();
  });
}

function fill(file) {
  const filler = new Filler(file);
  filler.files(filler.directory('small'), NAMES, 'f%d');
  filler.files(filler.directory('long'), ENTRIES);
  for (let tree = 0; tree < TREES; tree++) filler.files(filler.directory(`tree-${tree}`), ENTRIES);
  filler.close();
}

async function main() {
  if (values.help) return void process.stdout.write(USAGE);
  const { wrk, gcc } = findTools(false);
  await inScratch('pressure', async ({ directory, start }) => {
    const tools = { wrk, transfer: compile(gcc, 'transfer', directory) };
    let server = await start();
    const idle = server.memory().resident;
    await server.stop();
    fill(server.database);
    server = await start({}, LOOP_HOLD);
    const { alone, together, loop, trees } = await company(server, tools, Number(values.seconds));
    await server.stop();
    server = await start();
    const { uploads, downloads } = await memory(server, Number(values.transfers));
    const rows = [
      ['small reads alone, p50', `${alone.p50Us} µs`, ''],
      ['small reads alone, p99', `${alone.p99Us} µs`, ''],
      [`beside 1 GiB uploads, listings of ${ENTRIES}, ${trees} removals of ${ENTRIES}: p50`, `${together.p50Us} µs`, ''],
      ['the same, p99', `${together.p99Us} µs`, together.p99Us <= P99_TO_P50 * together.p50Us],
      [
        'longest turn of the event loop, without waiting for a processor',
        `${loop.heldMs.toFixed(1)} ms`,
        loop.heldMs <= LOOP_MAX_MS,
      ],
      ['longest turn by the clock', `${loop.wallMs.toFixed(1)} ms`, ''],
      ['memory when idle', `${Math.round(idle / 1e6)} MB`, idle <= IDLE_MAX_BYTES],
      [
        `peak memory, ${values.transfers} uploads of 10 MiB at once`,
        `${Math.round(uploads / 1e6)} MB`,
        uploads <= LOADED_MAX_BYTES,
      ],
      [
        `peak memory, ${values.transfers} downloads of 100 MiB at once`,
        `${Math.round(downloads / 1e6)} MB`,
        downloads <= LOADED_MAX_BYTES,
      ],
    ];
    for (const [what, value, isWithin] of rows)
      process.stdout.write(`| ${what} | ${value} | ${isWithin === '' ? '' : isWithin ? 'within' : 'beyond'} |\n`);
    if (values.check && rows.some(([, , isWithin]) => isWithin === false)) process.exitCode = 1;
  });
}

run(main);
