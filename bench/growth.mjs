// npm run bench:growth: what an operation costs as the directory it works in grows, and the start of a node with it.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Filler } from './fill.mjs';
import { lineChart } from './line-chart.mjs';
import { OneByOne } from './one-by-one.mjs';
import { median } from './report.mjs';
import { inScratch, run } from './scratch.mjs';

const USAGE = `npm run bench:growth [-- OPTIONS]

  --sizes N[,N]   entries of the directory (1000,10000,100000,1000000)
  --samples N     of each operation; the median counts (300)
  --svg FILE      the plot as well
  --check         end with 1 when something grows, or a start or a rename takes longer than docs/performance.md allows
`;

const DEPTH = 12;
const START_MAX_MS = 2000;
const TWICE = 2;

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000,1000000' },
    samples: { type: 'string', default: '300' },
    svg: { type: 'string' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function measure(entries, samples) {
  return inScratch('growth', async ({ start }) => {
    let server = await start();
    await server.stop();
    const filler = new Filler(server.database);
    filler.files(filler.directory('big'), entries);
    filler.directory('empty');
    for (let i = 0; i < samples; i++) {
      filler.files(filler.directory(`flat-${i}`), 1);
      filler.files(filler.chain([`deep-${i}`, ...Array.from({ length: DEPTH - 2 }, (_, level) => `level ${level}`)]), 1);
    }
    filler.close();
    const begin = performance.now();
    server = await start();
    const client = new OneByOne(server.port);
    await client.ask('GET', '/v1/files/big/f0000000');
    const startMs = performance.now() - begin;
    const result = { entries, start: startMs, ...(await operations(client, entries, samples)) };
    client.close();
    return result;
  });
}

async function operations(client, entries, samples) {
  const some = async (work) => {
    const times = [];
    for (let i = 0; i < samples; i++) times.push(await work(i));
    return median(times);
  };
  const name = () => `/v1/files/big/f${String(Math.floor(Math.random() * entries)).padStart(7, '0')}`;
  const json = { 'Content-Type': 'application/json' };
  const rename = (from, to) => client.time('PATCH', `/v1/files/${from}`, JSON.stringify({ destination: `/${to}` }), json);
  const [deep, flat] = [[], []];
  // Each path once: nothing of it is in memory.
  for (let i = 0; i < samples; i++) {
    const levels = Array.from({ length: DEPTH - 2 }, (_, level) => `level%20${level}`).join('/');
    deep.push(await client.time('GET', `/v1/files/deep-${i}/${levels}/f0000000`));
    flat.push(await client.time('GET', `/v1/files/flat-${i}/f0000000`));
  }
  const stat = await some(() => client.time('HEAD', name()));
  const first = JSON.parse(await client.ask('GET', '/v1/directories/big?limit=500'));
  const page = `/v1/directories/big?limit=500&cursor=${encodeURIComponent(first.next_cursor)}`;
  const list = await some(() => client.time('GET', page));
  const create = await some((i) => client.time('PUT', `/v1/files/big/new-${i}`, 'x'));
  const renamed = await some((i) => rename(`big/new-${i}`, `big/renamed-${i}`));
  const remove = await some((i) => client.time('DELETE', `/v1/files/big/renamed-${i}`));
  const trees = { big: [], empty: [] };
  for (let i = 0; i < Math.min(samples, 50); i++)
    for (const which of ['big', 'empty'])
      trees[which].push((await rename(which, `${which}-moved`)) + (await rename(`${which}-moved`, which)));
  return {
    stat,
    'list page of 500': list,
    create,
    rename: renamed,
    delete: remove,
    'rename the directory': median(trees.big) / 2,
    'rename an empty one': median(trees.empty) / 2,
    [`cold path ${DEPTH} levels deep`]: median(deep),
    'cold path 2 levels deep': median(flat),
  };
}

const FLAT = ['stat', 'list page of 500', 'create', 'rename', 'delete', 'rename the directory'];

function problems(results) {
  const [smallest] = results;
  const found = [];
  for (const result of results) {
    if (result.start > START_MAX_MS) found.push(`the start with ${result.entries} entries took ${Math.round(result.start)} ms`);
    if (result['rename the directory'] > TWICE * result['rename an empty one'])
      found.push(`renaming a directory of ${result.entries} entries takes more than twice as long as an empty one`);
    if (result[`cold path ${DEPTH} levels deep`] > TWICE * result['cold path 2 levels deep'])
      found.push(`a cold path ${DEPTH} levels deep takes more than twice as long as one of 2`);
    for (const operation of FLAT)
      if (result[operation] > TWICE * smallest[operation])
        found.push(`${operation} grows: ${result[operation].toFixed(2)} ms at ${result.entries}`);
  }
  return found;
}

function table(results) {
  const names = Object.keys(results[0]).filter((name) => name !== 'entries');
  const head = ['ms', ...results.map(({ entries }) => entries.toLocaleString('en'))];
  const rows = names.map((name) => [name, ...results.map((result) => result[name].toFixed(2))]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

async function main() {
  if (values.help) return void process.stdout.write(USAGE);
  const results = [];
  for (const entries of values.sizes.split(',').map(Number)) {
    process.stderr.write(`${entries} entries\n`);
    results.push(await measure(entries, Number(values.samples)));
  }
  process.stdout.write(`${table(results)}\n`);
  if (values.svg) {
    const series = FLAT.map((name) => ({ name, points: results.map((result) => [result.entries, result[name]]) }));
    writeFileSync(
      values.svg,
      lineChart({ title: 'Time of an operation by the entries of its directory', x: 'entries', y: 'ms', series }),
    );
  }
  if (!values.check) return;
  const found = problems(results);
  for (const problem of found) process.stderr.write(`${problem}\n`);
  if (found.length > 0) process.exitCode = 1;
}

run(main);
