// Compares CallFS with what the machine gives at best. See docs/performance.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Callfs } from './callfs.mjs';
import { settleDisk } from './load.mjs';
import { Nginx } from './nginx.mjs';
import { readOptions, USAGE } from './options.mjs';
import { summarise, table } from './report.mjs';
import { compile, findTools } from './tools.mjs';
import { WORKS } from './works.mjs';

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return void process.stdout.write(USAGE);
  const works = WORKS.filter(({ name }) => !options.only || options.only.some((wanted) => name.startsWith(wanted)));
  if (works.length === 0) throw new Error(`No work is named so. There are: ${WORKS.map(({ name }) => name).join(', ')}.`);
  if (options.list) return void process.stdout.write(works.map(({ name, title }) => `${name.padEnd(20)} ${title}\n`).join(''));

  const { wrk, nginx, gcc } = findTools(options.install);
  const directory = mkdtempSync(join(options.dir ?? tmpdir(), 'callfs-bench-'));
  const servers = [];
  try {
    const [transfer, heads, durableFiles] = ['transfer', 'heads', 'durable-files'].map((name) => compile(gcc, name, directory));
    const tools = { wrk, transfer, heads, durableFiles };
    const sides = { tools, directory, seconds: options.seconds, made: new Set() };
    servers.push((sides.nginx = await Nginx.start(nginx, join(directory, 'nginx'))));
    servers.push((sides.callfs = await Callfs.start(join(directory, 'callfs'))));
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

/** The sides take turns, and who begins changes: neither has the warmer machine. */
async function measure(work, sides, count) {
  process.stderr.write(`${work.name} `);
  await work.prepare(sides);
  sides.callfs.resetPeak();
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
  return summarise(work, rounds, sides.callfs.memory());
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
