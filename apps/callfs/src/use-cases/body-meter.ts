import { createHash } from 'node:crypto';
import type { DigestCheck } from './digest-check';

/** Passes a body on while it counts and hashes it. */
export class BodyMeter implements AsyncIterable<Uint8Array> {
  private readonly sha256 = createHash('sha256');
  private length = 0;

  /** `judgeLength` throws once the body has become too large. */
  constructor(
    private readonly head: Buffer,
    private readonly rest: AsyncIterator<Uint8Array>,
    private readonly digests: DigestCheck | undefined,
    private readonly judgeLength: (length: number) => void,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.head.length > 0) yield this.measured(this.head);
    for (let next = await this.rest.next(); !next.done; next = await this.rest.next()) yield this.measured(next.value);
  }

  /** The SHA-256 of it all, in hexadecimal; `DIGEST_MISMATCH` when an announced digest differs. Called once. */
  finish(): string {
    const sha256 = this.sha256.digest('hex');
    this.digests?.verify(sha256);
    return sha256;
  }

  private measured(chunk: Uint8Array): Uint8Array {
    this.length += chunk.length;
    this.judgeLength(this.length);
    this.sha256.update(chunk);
    this.digests?.update(chunk);
    return chunk;
  }
}
