import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { Client } from '../support/client';
import { claimPorts } from '../support/ports';

const SCRIPT = resolve(__dirname, '../../scripts/cluster.mjs');

it('the cluster for trying it out comes up, is one filesystem, keeps it, and stops without a trace', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'callfs-test-try-'));
  // PostgreSQL does not run as root, and its own user has to get there.
  await chmod(directory, 0o755);
  // Three nodes, Redis and PostgreSQL follow each other.
  const port = String(await claimPorts(5));
  try {
    for (const run of [1, 2]) {
      const child = spawn(process.execPath, [SCRIPT, '--dir', directory, '--port', port], { stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = once(child, 'close') as Promise<[number | null]>;
      let [out, log] = ['', ''];
      child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
      await new Promise<void>((up, down) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          out += text;
          if (out.includes('Ctrl-C')) up();
        });
        child.once('close', () => down(new Error(`It ended.\n${log}`)));
      });
      const urls = [...new Set(out.match(/http:\/\/127\.0\.0\.1:\d+/g))];
      const key = /API key\s+(\S+)/.exec(out)?.[1] ?? '';
      expect(urls).toHaveLength(3);
      const [one, two, three] = urls.map((url) => new Client(() => url, key));
      if (run === 1) expect((await one?.put('/kept', 'by the first run'))?.status).toBe(201);
      for (const node of [one, two, three]) expect((await node?.get('/kept'))?.text).toBe('by the first run');
      child.kill('SIGINT');
      await ended;
      await expect(fetch(`${urls[0]}/health`)).rejects.toThrow();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 240_000);
