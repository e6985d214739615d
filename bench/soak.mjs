// npm run bench:soak: a node's memory over an hour of mixed load.
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { lineChart } from './line-chart.mjs';
import { OneByOne } from './one-by-one.mjs';
import { median } from './report.mjs';
import { inScratch, run } from './scratch.mjs';

const USAGE = `npm run bench:soak [-- OPTIONS]

  --minutes N   of load (60)
  --clients N   that work at once, each on one connection (8)
  --pause N     milliseconds that a client waits between two requests (2)
  --svg FILE    the plot as well
  --check       end with 1 when memory grows
`;

const SAMPLE_MS = 5_000;
const SMALL = Buffer.alloc(4 * 1024, 'x');
const LARGE = Buffer.alloc(300 * 1024, 'y');
/** Names of each client; what it makes beyond replaces or follows a removal, so that the tree stays as large as it is. */
const NAMES = 500;
/** What the second half may take more than the first, in which caches fill. */
const GROWTH_MAX = 1.1;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    clients: { type: 'string', default: '8' },
    pause: { type: 'string', default: '2' },
    svg: { type: 'string' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** One client's part of the load: what people do with files, over and over, on names of its own. */
async function work(server, number, load) {
  const client = new OneByOne(server.port);
  const root = `/v1/files/soak-${number}`;
  const json = { 'Content-Type': 'application/json' };
  const move = (from, to) =>
    client.ask('PATCH', `${root}/${from}`, JSON.stringify({ destination: `/soak-${number}/${to}` }), json);
  for (let round = 0; !load.over; round++) {
    const file = `${root}/file%20${round % NAMES}`;
    const steps = [
      () => client.ask('PUT', file, round % 10 === 0 ? LARGE : SMALL),
      () => client.ask('GET', file),
      () => client.ask('HEAD', file),
      () => client.ask('GET', `/v1/directories/soak-${number}?limit=100`),
      () => client.ask('PATCH', file, JSON.stringify({ mode: '0640' }), json),
      () => client.ask('PUT', `${root}/tree-${round}/a/b`, SMALL),
      () => move(`tree-${round}`, `moved-${round}`),
      () => client.ask('GET', `${root}/moved-${round}/a/b`),
      () => client.ask('DELETE', `${root}/moved-${round}?recursive=true`),
    ];
    for (const step of steps) {
      await step();
      load.requests++;
      await pause(Number(values.pause));
    }
  }
  client.close();
}

async function sample(server, load) {
  const samples = [];
  const start = Date.now();
  const end = start + Number(values.minutes) * 60_000;
  while (Date.now() < end) {
    await pause(SAMPLE_MS);
    samples.push([(Date.now() - start) / 60_000, server.memory().resident / 1e6]);
    const [minutes, megabytes] = samples.at(-1);
    process.stderr.write(`\r${minutes.toFixed(1)} min, ${megabytes.toFixed(0)} MB, ${load.requests} requests  `);
  }
  process.stderr.write('\n');
  return samples;
}

async function main() {
  if (values.help) return void process.stdout.write(USAGE);
  await inScratch('soak', async ({ start }) => {
    const server = await start();
    const load = { over: false, requests: 0 };
    const clients = Promise.all(Array.from({ length: Number(values.clients) }, (_, number) => work(server, number, load)));
    const samples = await Promise.race([sample(server, load), clients]);
    load.over = true;
    await clients;
    const half = Math.floor(samples.length / 2);
    const [early, late] = [samples.slice(Math.floor(half / 2), half), samples.slice(half)].map((part) =>
      median(part.map(([, megabytes]) => megabytes)),
    );
    const grows = late > early * GROWTH_MAX;
    process.stdout.write(
      `${load.requests} requests in ${values.minutes} min. Resident memory, median: ${early.toFixed(0)} MB in the second quarter, ` +
        `${late.toFixed(0)} MB in the second half: ${grows ? 'it grows' : 'it does not grow'}.\n`,
    );
    if (values.svg) {
      const title = `Resident memory of a node under mixed load, ${load.requests.toLocaleString('en')} requests`;
      writeFileSync(
        values.svg,
        lineChart({ title, x: 'minutes', y: 'MB', scale: 'linear', series: [{ name: 'resident', points: samples }] }),
      );
    }
    if (values.check && grows) process.exitCode = 1;
  });
}

run(main);
