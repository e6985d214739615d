import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { PeerBody } from './peer-body';

const SILENCE_MS = 300;

/** What a process of its own writes, through a pipe, while this one may stand still. */
function bodyOf(script: string, length: number): { body: PeerBody; broken: Error[] } {
  const broken: Error[] = [];
  const { stdout } = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const body = new PeerBody(stdout, {
    length,
    signal: undefined,
    isTalk: false,
    spoke: () => undefined,
    broken: (error) => broken.push(error),
    silenceMs: SILENCE_MS,
  });
  return { body, broken };
}

/** Nothing of this thread runs meanwhile, as on a machine that is suspended. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('the body of a peer’s answer', () => {
  it('is whole when this process stood still while it came', async () => {
    const { body, broken } = bodyOf('sleep 0.1; printf abc', 3);
    const next = body.next();
    standStill(3 * SILENCE_MS);
    expect(String((await next).value)).toBe('abc');
    expect(await body.next()).toEqual({ done: true, value: undefined });
    expect(broken).toEqual([]);
  });

  it('is broken when the peer falls silent', async () => {
    const { body, broken } = bodyOf('printf ab; exec sleep 10', 3);
    expect(String((await body.next()).value)).toBe('ab');
    await expect(body.next()).rejects.toThrow('stopped in the middle');
    expect(broken).toHaveLength(1);
  });
});
