import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { must } from '../support/fixture';
import { claimPort } from '../support/ports';
import { patternBytes } from '../support/random';
import { RedisServer } from '../support/redis';
import { startServer, type TestServer } from '../support/server';
import { SeverableLine } from '../support/severable-line';

const WRITERS = 4;
/** What a call of Redis may take, some of them for one write, and what the machine needs. */
const PATIENCE_MS = 10_000;
const SOON = { timeout: 60_000, interval: 20 };
const BLOB = patternBytes(1, 100_000);

let redis: RedisServer;
let line: SeverableLine;
let node: TestServer;
let client: Client;

beforeAll(async () => {
  redis = await RedisServer.start();
  line = await SeverableLine.to(redis.port);
  const dlm = { type: 'redis', redis_addr: `127.0.0.1:${line.port}`, lease_ttl: '2s', acquire_timeout: '20s' };
  node = await startServer({ config: { dlm } });
  client = node.client();
  await must(client.put('/blob', BLOB));
});
afterAll(async () => {
  await node?.stop();
  await node?.remove();
  await line?.stop();
  await redis?.stop();
});

/** Clients that write, each its own file, and others that read, until they are told to stop. */
class Load {
  /** Answers to writes and reads, by outcome. */
  readonly written: string[] = [];
  readonly read: string[] = [];
  slowestMs = 0;
  /** What was acknowledged last for each file. */
  readonly acknowledged = new Map<string, string>();
  private isOver = false;
  private readonly running: Promise<void>[] = [];

  constructor(private readonly name: string) {
    for (let writer = 0; writer < WRITERS; writer++) this.running.push(this.write(`/${name}-${writer}`));
    for (let reader = 0; reader < 2; reader++) this.running.push(this.reads());
  }

  /** Resolves when so many more writes were answered so. */
  async until(outcome: RegExp, count: number): Promise<void> {
    const from = this.written.length;
    const seen = () => this.written.slice(from).filter((one) => outcome.test(one)).length;
    await expect.poll(seen, SOON).toBeGreaterThanOrEqual(count);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  private async write(path: string): Promise<void> {
    for (let i = 0; !this.isOver; i++) {
      const value = `${this.name} ${i}`;
      const sentAt = performance.now();
      const { status, outcome } = await client.put(path, value);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - sentAt);
      this.written.push(outcome);
      if (status < 300) this.acknowledged.set(path, value);
      await delay(status < 300 ? 5 : 50);
    }
  }

  private async reads(): Promise<void> {
    while (!this.isOver) {
      const sentAt = performance.now();
      const { outcome, body } = await client.get('/blob');
      this.slowestMs = Math.max(this.slowestMs, performance.now() - sentAt);
      this.read.push(body.equals(BLOB) ? outcome : 'damaged');
      await delay(10);
    }
  }
}

describe('N5 while many write and read, a Redis that', () => {
  it.each<[string, () => Promise<unknown> | void, () => Promise<unknown> | void]>([
    [
      'is read-only',
      async () => redis.client().replicaof('127.0.0.1', await claimPort()),
      () => redis.client().replicaof('NO', 'ONE'),
    ],
    [
      'has no memory left',
      () => redis.client().config('SET', 'maxmemory', '1mb'),
      () => redis.client().config('SET', 'maxmemory', '0'),
    ],
    ['is two seconds away', () => void (line.delayMs = 1_000), () => void (line.delayMs = 0)],
    ['is cut off', () => line.cut(), () => line.mend()],
    ['is killed', () => redis.kill(), () => redis.restart()],
  ])(
    '%s: reads go on, writes are refused in bounded time, none is lost, and all is well by itself after it',
    { timeout: 240_000 },
    async (what, fail, mend) => {
      const load = new Load(what.replaceAll(' ', '-'));
      try {
        await load.until(/^20[01]$/, 20);
        await fail();
        const reads = load.read.length;
        await load.until(/^503 LOCKS_UNAVAILABLE$/, 2 * WRITERS);
        await expect.poll(() => load.read.length, SOON).toBeGreaterThan(reads + 5);
        await mend();
        await load.until(/^20[01]$/, 5 * WRITERS);
      } finally {
        await load.end();
      }
      expect(new Set(load.read)).toEqual(new Set(['200']));
      expect(new Set(load.written)).toEqual(new Set(['200', '201', '503 LOCKS_UNAVAILABLE']));
      expect(load.slowestMs).toBeLessThan(PATIENCE_MS);
      for (const [path, value] of load.acknowledged) expect((await client.get(path)).text).toBe(value);
      // One that was granted to a node that had given up on Redis by then ends with its lease.
      await expect.poll(() => redis.client().keys('callfs:lock:*'), SOON).toEqual([]);
    },
  );
});
