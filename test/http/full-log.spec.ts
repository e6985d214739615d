import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { must } from '../support/fixture';
import { withServer } from '../support/server';
import { SmallDisk } from '../support/small-disk';

let disk: SmallDisk | undefined;
afterEach(() => disk?.unmount());

function fill(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(join(path, 'filler'), Buffer.alloc(bavail * bsize));
}

it.each(['json', 'console'])(
  'S3 a full disk under the log (%s): the node goes on, tells of it, and logs again when there is room',
  async (format) => {
    const { path } = (disk = SmallDisk.mount(256 * 1024));
    const log = join(path, 'log');
    const wrapper = ['sh', '-c', `exec "$@" >>${log}`, 'sh'];
    await withServer({ config: { log: { format } }, wrapper }, async (server) => {
      const root = server.client();
      fill(path);
      const names = Array.from({ length: 20 }, (_, i) => `/full-${i}`);
      await Promise.all(names.map((name) => root.put(name, 'content').then((answer) => expect(answer.status).toBe(201))));
      await server.waitFor(/callfs: the log cannot be written \(ENOSPC\); the server goes on without it/);
      for (const name of names) expect((await root.get(name)).text).toBe('content');
      const metrics = (await root.request('GET', '/metrics')).text;
      expect(metrics).toMatch(/^callfs_errors_total\{component="log",error_type="ENOSPC"\} 1$/m);
      expect(metrics).toMatch(/^callfs_log_lines_lost_total 0$/m);

      rmSync(join(path, 'filler'));
      const written = () => readFileSync(log, 'utf8');
      await expect
        .poll(written, { timeout: 60_000 })
        .toContain('could not be written for a while (ENOSPC); 0 of its lines are lost');
      expect(written().match(/\/full-\d+/g)).toHaveLength(2 * names.length);
      if (format === 'json') for (const line of written().trimEnd().split('\n')) JSON.parse(line);

      // `withServer` stops it: what cannot be written does not keep it.
      fill(path);
      await must(root.get('/full-0'));
    });
  },
);
