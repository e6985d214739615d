import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIRECTORY_PREFIX } from './server';

/** Directories and processes that an earlier, interrupted run left are not this run's fault: they are known beforehand. */
export default async function leakCheck(): Promise<() => Promise<void>> {
  const before = new Set(await directories());
  return async () => {
    const left = (await directories()).filter((name) => !before.has(name));
    const alive = await processesIn(left);
    for (const { pid } of alive) process.kill(pid, 'SIGKILL');
    for (const name of left) await rm(join(tmpdir(), name), { recursive: true, force: true });
    if (alive.length > 0 || left.length > 0) {
      const servers = alive.map(({ pid, command }) => `${pid} ${command}`).join('; ');
      throw new Error(`The tests left behind: directories ${left.join(', ') || 'none'}; processes ${servers || 'none'}.`);
    }
  };
}

async function directories(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith(DIRECTORY_PREFIX));
}

async function processesIn(names: readonly string[]): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (names.some((name) => command.includes(name))) found.push({ pid: Number(pid), command: command.replaceAll('\0', ' ') });
  }
  return found;
}
