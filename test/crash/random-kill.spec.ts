import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client';
import { must } from '../support/fixture';
import { patternBytes, Random, sha256 } from '../support/random';
import { ROOT_KEY, startServer, type TestServer } from '../support/server';
import { referencedKeys, storedFiles } from '../support/storage-root';

const KILLS = 30;
/** Requests that have to be acknowledged for each of them. */
const PER_KILL = 10;
const WRITERS = 6;
const NAMES = ['a', 'b', 'c', 'd'];

/** A SHA-256, or `absent`. */
type Digest = string;
type State = ReadonlyMap<string, Digest>;

/**
 * One client with a directory of its own, doing one thing after another. What it knows is exact: what was acknowledged
 * is so, and of the one request that a crash may have caught either all of it happened or nothing.
 */
class Writer {
  private state: State = new Map(NAMES.map((name) => [name, 'absent']));
  /** What the state is if the request under way was done. */
  private after: State | undefined;
  writing = false;
  acknowledged = 0;

  constructor(
    private readonly directory: string,
    private readonly random: Random,
  ) {}

  /** Works until the server goes away. */
  async work(client: Client): Promise<void> {
    for (;;) {
      try {
        await this.step(client);
        this.acknowledged++;
      } catch (error) {
        if (isConnectionError(error)) return;
        throw error;
      }
    }
  }

  /** Looks at every name: each is as acknowledged, or as the request under way would have made it, and then all of it. */
  async verify(client: Client): Promise<void> {
    const found: State = new Map(
      await Promise.all(
        NAMES.map(async (name): Promise<[string, Digest]> => {
          const answer = await client.get(`${this.directory}/${name}`);
          if (answer.status !== 200 && answer.status !== 404) throw new Error(`${this.directory}/${name}: ${answer.outcome}`);
          return [name, answer.status === 404 ? 'absent' : sha256(answer.body)];
        }),
      ),
    );
    const seen = Object.fromEntries(found);
    const allowed = [this.state, ...(this.after ? [this.after] : [])].map((state) => Object.fromEntries(state));
    expect(allowed).toContainEqual(seen);
    this.state = found;
    this.after = undefined;
    this.writing = false;
  }

  private async step(client: Client): Promise<void> {
    const name = this.random.pick(NAMES);
    const path = `${this.directory}/${name}`;
    const exists = this.state.get(name) !== 'absent';
    const choice = this.random.below(10);
    if (choice < 7 || !exists) {
      const size = this.random.pick([0, 10, 2_000, 16_384, 16_385, 100_000, 400_000, 2_000_000]);
      const body = patternBytes(this.random.below(1e9), size);
      this.writing = true;
      await this.request({ [name]: sha256(body) }, () => client.put(path, body));
      this.writing = false;
    } else if (choice < 9) {
      const other = this.random.pick(NAMES.filter((candidate) => candidate !== name));
      const moved = { [name]: 'absent', [other]: this.state.get(name) as Digest };
      await this.request(moved, () => client.move(path, `${this.directory}/${other}`, { overwrite: true }));
    } else {
      await this.request({ [name]: 'absent' }, () => client.delete(path));
    }
  }

  private async request(change: Record<string, Digest>, send: () => ReturnType<Client['get']>): Promise<void> {
    this.after = new Map([...this.state, ...Object.entries(change)]);
    await must(send());
    this.state = this.after;
    this.after = undefined;
  }
}

function isConnectionError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE' || /aborted|hang up/.test(String(error));
}

describe('C4 P1 P8 kill -9 at random moments under load', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  });

  afterAll(async () => {
    if (server.running) await server.kill();
    await server.remove();
  });

  it(`${KILLS} times: acknowledged files are whole, unacknowledged ones whole or absent, nothing is left over`, async () => {
    const seed = Date.now() % 2 ** 31;
    console.log(`random kills: seed ${seed}`);
    const random = new Random(seed);
    const writers = Array.from({ length: WRITERS }, (_, index) => new Writer(`/w${index}`, new Random(seed + index + 1)));
    const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    let caughtWriting = 0;

    for (let kill = 0; kill < KILLS; kill++) {
      const working = writers.map((writer) => writer.work(new Client(() => server.url, ROOT_KEY)));
      await delay(30 + random.below(300));
      // A slow machine takes longer to have acknowledged what could be lost.
      await expect.poll(acknowledged, { timeout: 100_000, interval: 5 }).toBeGreaterThan((kill + 1) * PER_KILL);
      caughtWriting += writers.filter(({ writing }) => writing).length;
      await server.kill();
      await Promise.all(working);

      await server.start();
      for (const writer of writers) await writer.verify(server.client());
      expect((await storedFiles(server.dataDir)).staging).toEqual([]);
    }

    await server.stop();
    const known = new Set(referencedKeys(join(server.dir, 'metadata.sqlite')));
    expect((await storedFiles(server.dataDir)).blobs.filter((path) => !known.has(path.slice(3)))).toEqual([]);
    console.log(`random kills: ${acknowledged()} acknowledged requests, ${caughtWriting} writes in flight at ${KILLS} kills`);
    // Without them the test has not tested what it says.
    expect(caughtWriting).toBeGreaterThan(KILLS / 2);
  }, 600_000);
});
