import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIRECTORY_PREFIX } from './server';

/**
 * Gives this run a directory for everything temporary (other runs may be going on beside it), and fails it when a
 * test server or its directory is still there at the end.
 */
export default function leakCheck(): () => Promise<void> {
  const run = mkdtempSync(join(tmpdir(), 'callfs-run-'));
  // Some tests become other users.
  chmodSync(run, 0o755);
  process.env['TMPDIR'] = run;
  return async () => {
    const left = (await readdir(run)).filter((name) => name.startsWith(DIRECTORY_PREFIX));
    const alive = await processesIn(run);
    for (const { pid } of alive) process.kill(pid, 'SIGKILL');
    rmSync(run, { recursive: true, force: true });
    if (alive.length > 0 || left.length > 0) {
      const processes = alive.map(({ pid, command }) => `${pid} ${command}`).join('; ');
      throw new Error(`The tests left behind: directories ${left.join(', ') || 'none'}; processes ${processes || 'none'}.`);
    }
  };
}

async function processesIn(run: string): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(run)) found.push({ pid: Number(pid), command: command.replaceAll('\0', ' ').trim() });
  }
  return found;
}
