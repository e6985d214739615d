import { createHash } from 'node:crypto';

/** Bytes that repeat nowhere near a block or buffer size, so that a misplaced piece never looks right. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed * 2_654_435_761;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `content` in chunks of `chunkSize`. */
export async function* inChunks(content: Buffer, chunkSize: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunkSize) yield content.subarray(at, at + chunkSize);
}

/** `content` in chunks that all use one piece of memory, as a producer with a buffer of its own sends them. */
export async function* inReusedMemory(content: Buffer, chunkSize: number): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(chunkSize);
  for (let at = 0; at < content.length; at += chunkSize) {
    const length = content.copy(memory, 0, at, at + chunkSize);
    yield memory.subarray(0, length);
    memory.fill(0xee);
  }
}

/** The first `until` bytes of `content`, then `error`. */
export async function* failing(content: Buffer, until: number, error: Error): AsyncGenerator<Uint8Array> {
  yield* inChunks(content.subarray(0, until), 65_536);
  throw error;
}

/** The first `until` bytes of `content`, then nothing ever again. `onStall` is told when it is waited for. */
export function stalling(content: Buffer, until: number, onStall: () => void): AsyncIterable<Uint8Array> & { returned: boolean } {
  const chunks = inChunks(content.subarray(0, until), 65_536);
  const body = {
    returned: false,
    async next(): Promise<IteratorResult<Uint8Array>> {
      const result = await chunks.next();
      if (!result.done) return result;
      onStall();
      return new Promise(() => undefined);
    },
    async return(): Promise<IteratorResult<Uint8Array>> {
      body.returned = true;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => body,
  };
  return body;
}

/** All bytes of a body, copied as they come. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What `work` throws. */
export async function failureOf(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
