// Compares CallFS with what the machine gives at best. See docs/performance.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Callfs } from './callfs.mjs';
import { Postgres, Redis } from './engines.mjs';
import { freePort } from './free-port.mjs';
import { settleDisk } from './load.mjs';
import { Nginx } from './nginx.mjs';
import { readOptions, USAGE } from './options.mjs';
import { summarise, table } from './report.mjs';
import { run } from './scratch.mjs';
import { binariesOf, compile, findTools } from './tools.mjs';
import { WORKS } from './works.mjs';

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return void process.stdout.write(USAGE);
  const works = WORKS.filter(({ name }) => !options.only || options.only.some((wanted) => name.startsWith(wanted)));
  if (works.length === 0) throw new Error(`No work is named so. There are: ${WORKS.map(({ name }) => name).join(', ')}.`);
  if (options.list) return void process.stdout.write(works.map(({ name, title }) => `${name.padEnd(20)} ${title}\n`).join(''));

  const programs = findTools(options.install);
  const { wrk, nginx, gcc } = programs;
  const directory = mkdtempSync(join(options.dir ?? tmpdir(), 'callfs-bench-'));
  const servers = [];
  try {
    const [transfer, heads, durableFiles] = ['transfer', 'heads', 'durable-files'].map((name) => compile(gcc, name, directory));
    const tools = { wrk, transfer, heads, durableFiles };
    const sides = { tools, directory, seconds: options.seconds, made: new Set(), servers };
    servers.push((sides.nginx = await Nginx.start(nginx, join(directory, 'nginx'))));
    servers.push((sides.callfs = await Callfs.start(join(directory, 'callfs'))));
    if (works.some(({ needsCluster }) => needsCluster)) await startCluster(sides, programs, servers);
    const idleBytes = sides.callfs.memory().resident;
    const results = [];
    for (const work of works) results.push(await measure(work, sides, options.rounds));
    process.stdout.write(
      options.json ? `${JSON.stringify({ idleBytes, results }, null, 2)}\n` : `${table(results, idleBytes)}\n`,
    );
    if (options.check && results.some(({ reached }) => !reached)) process.exitCode = 1;
  } finally {
    for (const server of servers) await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Two nodes, and the engines that they stand on. */
async function startCluster(sides, programs, servers) {
  const folder = (name) => join(sides.directory, name);
  servers.unshift((sides.postgres = await Postgres.start(binariesOf(programs), folder('postgres'))));
  servers.unshift((sides.redis = await Redis.start(programs['redis-server'], folder('redis'), await freePort())));
  for (const name of ['node', 'second']) {
    sides[name] = await Callfs.start(folder(name), {
      metadata_store: { type: 'postgres', dsn: sides.postgres.dsn },
      dlm: { type: 'redis', redis_addr: [sides.redis.address] },
      instance_discovery: { instance_id: `bench-${name}` },
    });
    servers.unshift(sides[name]);
  }
}

/** The sides take turns, and who begins changes: neither has the warmer machine. */
async function measure(work, sides, count) {
  process.stderr.write(`${work.name} `);
  await work.prepare(sides);
  const server = sides[work.by ?? 'callfs'];
  server.resetPeak();
  const rounds = [];
  for (let round = 0; round < count; round++) {
    const result = {};
    for (const side of round % 2 ? ['other', 'ours'] : ['ours', 'other']) {
      if (work.usesDisk) await settleDisk();
      result[side] = await work[side](sides);
    }
    rounds.push(result);
    process.stderr.write(`${(result.ours / result.other).toFixed(2)} `);
  }
  process.stderr.write('\n');
  return summarise(work, rounds, server.memory());
}

run(main);
