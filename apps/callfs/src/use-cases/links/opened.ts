import type { BlobBody } from '@callfs/storage';

/** A body whose first block has been read, so that it is known to be there. It is sent or discarded. */
export class Opened {
  private constructor(
    readonly body: Buffer | BlobBody,
    readonly discard: () => Promise<void>,
  ) {}

  static async of(body: Buffer | BlobBody): Promise<Opened> {
    if (Buffer.isBuffer(body)) return new Opened(body, async () => undefined);
    const chunks = body[Symbol.asyncIterator]();
    const first = await chunks.next();
    return new Opened(continued(first, chunks), async () => {
      await chunks.return?.();
    });
  }
}

async function* continued(first: IteratorResult<Buffer, unknown>, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (let next = first; !next.done; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}
