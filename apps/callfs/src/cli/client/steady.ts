import { Readable } from 'node:stream';

/** Sent on a byte a second, this lasts for a day and a half. */
const HELD_BYTES = 128 * 1024;
const PAUSE_MS = 1000;

/**
 * The same bytes for a server that takes silence for a client that is gone, while `source` may pause for hours, as a dump
 * does that waits for its database. The last of them are held back, and while nothing comes they go on byte by byte.
 * Resolves once there is enough to hold back, or all that comes.
 */
export async function steady(source: Readable): Promise<Readable> {
  const held = new Held();
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let next = await chunks.next();
  while (!next.done) {
    held.add(next.value);
    if (held.size >= HELD_BYTES) break;
    next = await chunks.next();
  }
  const paced = Readable.from(inPace(chunks, held, next.done === true), { objectMode: false });
  return paced.once('close', () => source.destroy());
}

async function* inPace(chunks: AsyncIterator<Buffer>, held: Held, isComplete: boolean): AsyncGenerator<Buffer> {
  let coming = isComplete ? undefined : chunks.next();
  while (coming !== undefined) {
    const next = await within(coming, PAUSE_MS);
    if (next === undefined) {
      if (held.size > 1) yield held.takeByte();
      continue;
    }
    if (next.done) break;
    held.add(next.value);
    coming = chunks.next();
    // Its failure is met above, but not while something is yielded.
    coming.catch(() => undefined);
    while (held.size - held.first >= HELD_BYTES) yield held.take();
  }
  while (held.size > 0) yield held.take();
}

/** What has come and not been sent on, the oldest first. */
class Held {
  size = 0;
  private readonly chunks: Buffer[] = [];

  /** The size of the oldest chunk. */
  get first(): number {
    return this.chunks[0]?.length ?? 0;
  }

  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  take(): Buffer {
    const chunk = this.chunks.shift() ?? Buffer.alloc(0);
    this.size -= chunk.length;
    return chunk;
  }

  takeByte(): Buffer {
    const chunk = this.take();
    if (chunk.length > 1) {
      this.chunks.unshift(chunk.subarray(1));
      this.size += chunk.length - 1;
    }
    return chunk.subarray(0, 1);
  }
}

/** Undefined when it takes longer. */
async function within<T>(pending: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([pending, late]);
  } finally {
    clearTimeout(timer);
  }
}
