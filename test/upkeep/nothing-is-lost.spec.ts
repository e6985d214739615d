import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { request, type IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { fileTarget, type Client } from '../support/client';
import { must } from '../support/fixture';
import { patternBytes, Random, sha256 } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';
import { findings, lines, summary } from './events';

const WORK_MS = 12_000;
const NAMES = ['a', 'b', 'c', 'd', 'e'];
const SIZES = [0, 100, 16_384, 16_385, 70_000, 300_000, 1_500_000];

// Everything that is collected goes as soon as it may.
const server = useServer({ config: { storage: { orphan_grace: '1s', collect_grace: '2s', scrub_rate_bytes: '1GiB' } } });

/** A body that takes longer to come than an orphan is given. */
function slowly(bytes: Buffer, pieces: number): Readable {
  const length = Math.ceil(bytes.length / pieces);
  return Readable.from(
    (async function* () {
      for (let at = 0; at < bytes.length; at += length) {
        yield bytes.subarray(at, at + length);
        await delay(300);
      }
    })(),
  );
}

/** Reads a file so slowly that its content is replaced and collected meanwhile; whether it was whole. */
async function readSlowly(path: string, isOver: () => boolean): Promise<'whole' | 'absent'> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${ROOT_KEY}` };
    request(server.url + fileTarget(path), { headers, agent: false }, resolve)
      .once('error', reject)
      .end();
  });
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
    if (!isOver()) await delay(150);
  }
  if (answer.statusCode === 404) return 'absent';
  const digest = Buffer.from(sha256(Buffer.concat(chunks)), 'hex').toString('base64');
  expect([answer.statusCode, answer.headers['repr-digest']]).toEqual([200, `sha-256=:${digest}:`]);
  return 'whole';
}

/** One client with a directory of its own, and what the server has acknowledged of it. */
class Writer {
  readonly files = new Map<string, string>();
  operations = 0;
  private serial = 0;

  constructor(
    readonly directory: string,
    private readonly client: Client,
    private readonly random: Random,
  ) {}

  async work(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.step();
      this.operations++;
    }
  }

  private async step(): Promise<void> {
    const { client, random, files, directory } = this;
    const name = random.pick(NAMES);
    const path = `${directory}/${name}`;
    const other = random.pick(NAMES.filter((candidate) => candidate !== name));
    const digest = files.get(name);
    const choice = random.below(12);
    if (choice < 6 || digest === undefined) {
      const body = patternBytes(random.seed + this.serial++ * 7919, random.pick(SIZES));
      await must(client.put(path, choice === 0 && body.length > 100 ? slowly(body, 6) : body));
      files.set(name, sha256(body));
    } else if (choice < 8) {
      await must(client.copy(path, `${directory}/${other}`, { query: '?overwrite=true' }));
      files.set(other, digest);
    } else if (choice < 10) {
      await must(client.move(path, `${directory}/${other}`, { overwrite: true }));
      files.delete(name);
      files.set(other, digest);
    } else {
      await must(client.delete(path));
      files.delete(name);
    }
  }

  async verify(): Promise<void> {
    for (const name of NAMES) {
      const answer = await this.client.get(`${this.directory}/${name}`);
      const found = answer.status === 404 ? undefined : sha256(answer.body);
      expect([this.directory, name, found]).toEqual([this.directory, name, this.files.get(name)]);
    }
  }
}

it('P9 C1 whatever is written, copied, moved, removed and read, nothing that is in use is collected, and nothing is found wrong', async () => {
  const seed = Date.now() % 2 ** 31;
  console.log(`nothing is lost: seed ${seed}`);
  const client = server.client();
  const writers = Array.from({ length: 6 }, (_, index) => new Writer(`/w${index}`, server.client(), new Random(seed + index)));
  for (const { directory } of writers) await must(client.mkdir(directory));

  const startedMs = performance.now();
  let rounds = 0;
  const operations = () => writers.reduce((sum, writer) => sum + writer.operations, 0);
  // Without so many the test has not tested what it says.
  const isOver = () => performance.now() - startedMs > WORK_MS && rounds > 1 && operations() > 50;
  const reading = async (random: Random) => {
    let whole = 0;
    while (!isOver()) {
      const outcome = await readSlowly(`${random.pick(writers).directory}/${random.pick(NAMES)}`, isOver);
      if (outcome === 'whole') whole++;
      else await delay(20);
    }
    return whole;
  };
  const upkeep = async () => {
    for (; !isOver(); rounds++) {
      await lines(client, 'POST', '/v1/admin/gc');
      expect(await findings(client, 'POST', '/v1/admin/fsck?verify_content=true')).toEqual([]);
      expect(await findings(client, 'POST', '/v1/admin/scrub')).toEqual([]);
    }
  };
  const [one, other] = await Promise.all([
    reading(new Random(seed + 100)),
    reading(new Random(seed + 101)),
    upkeep(),
    ...writers.map((writer) => writer.work(isOver)),
  ]);
  console.log(`nothing is lost: ${operations()} operations, ${rounds} rounds of upkeep, ${one + other} slow reads`);

  for (const writer of writers) await writer.verify();
  const collected = async () => (await summary(client, 'POST', '/v1/admin/gc')) as { waiting: number; blobs: number };
  await expect.poll(async () => (await collected()).waiting, { timeout: 60_000, interval: 200 }).toBe(0);
  await server.restart();
  for (const writer of writers) await writer.verify();
  expect(await summary(client, 'GET', '/v1/admin/fsck?verify_content=true')).toMatchObject({ findings: 0, complete: true });
  const digests = new Set(writers.flatMap((writer) => [...writer.files.values()]));
  const { blobs, staging } = await storedFiles(server.dataDir);
  expect(staging).toEqual([]);
  expect(blobs.length).toBeLessThanOrEqual(digests.size);
}, 240_000);
