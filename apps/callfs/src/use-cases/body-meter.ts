import type { DigestCheck } from './digest-check';

const NOTHING = Buffer.alloc(0);

/** Passes a body on while it counts it and computes what announced digests need. */
export class BodyMeter implements AsyncIterableIterator<Uint8Array, undefined> {
  private length = 0;

  /** `judgeLength` throws once the body has become too large. */
  constructor(
    private head: Buffer,
    private readonly rest: AsyncIterator<Uint8Array>,
    private readonly digests: DigestCheck | undefined,
    private readonly judgeLength: (length: number) => void,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Not a generator, which would keep each chunk until it has the next. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { head } = this;
    if (head.length > 0) {
      this.head = NOTHING;
      return { done: false, value: this.measured(head) };
    }
    const next = await this.rest.next();
    return next.done ? { done: true, value: undefined } : { done: false, value: this.measured(next.value) };
  }

  private measured(chunk: Uint8Array): Uint8Array {
    this.length += chunk.length;
    this.judgeLength(this.length);
    this.digests?.update(chunk);
    return chunk;
  }
}
