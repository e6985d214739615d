import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** Beside the range from which the kernel gives ports to connections (ip(7), ip_local_port_range). */
const [FIRST, COUNT] = freeRange(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'));
/** Shared by all test runs of this machine, so not in the run's own temporary directory. */
const CLAIMS = '/tmp/callfs-test-ports';

/**
 * A port of 127.0.0.1 for a server that has to be told one before it starts. Nobody else is given it while this process
 * lives: a port that was only seen to be free may be somebody else's by the time that it is used.
 */
export function claimPort(): Promise<number> {
  return claimPorts(1);
}

/** The first of so many that follow each other. */
export async function claimPorts(count: number): Promise<number> {
  mkdirSync(CLAIMS, { recursive: true, mode: 0o777 });
  for (let attempt = 0; attempt < 1000; attempt++) {
    const first = FIRST + Math.floor(Math.random() * (COUNT - count));
    let claimed = 0;
    while (claimed < count && claim(join(CLAIMS, String(first + claimed))) && (await isFree(first + claimed))) claimed++;
    if (claimed === count) return first;
  }
  throw new Error(`No free port from ${FIRST} on; see ${CLAIMS}.`);
}

/** The larger part of the unprivileged ports, below or above; any of them where the kernel gives nearly all. */
function freeRange(localPorts: string): [first: number, count: number] {
  const [low = 0, high = 0] = localPorts.trim().split(/\s+/).map(Number);
  const [below, above] = [low - 10_000, 65_535 - high];
  if (Math.max(below, above) < 1_000) return [10_000, 55_000];
  return below >= above ? [10_000, below] : [high + 1, above];
}

/** One that was taken by a process that is gone is free again. */
function claim(path: string): boolean {
  try {
    const file = openSync(path, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const claimant = claimantOf(path);
    if (claimant !== undefined && !isAlive(claimant)) rmSync(path, { force: true });
    return false;
  }
}

/** `undefined` when the claim has just been given up. */
function claimantOf(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    // 0 is a claim that is just being written.
    return pid === 0 || process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
