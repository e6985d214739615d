import { hash } from 'node:crypto';
import { CallfsError, newStorageKey, type Replica, type StorageKey } from '@callfs/core';
import type { NewContent } from '@callfs/metadata';
import type { StorageProvider } from '@callfs/storage';
import { BodyMeter } from './body-meter';
import { DigestCheck, type ExpectedDigests } from './digest-check';

/** A body on its way in. */
export interface UploadBody {
  /** Their memory is the stager's. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What the client announced (`Content-Length`); absent for a chunked body. */
  readonly size?: number;
  /** Digests that the whole body must have. */
  readonly digests?: ExpectedDigests;
  readonly signal?: AbortSignal;
}

/** Bytes that are durable (or in hand, when small) and belong to nobody yet. Exactly one of the three is called. */
export interface StagedContent {
  readonly content: NewContent;
  /** A commit refers to them now, or may: the metadata knows. */
  settle(): Promise<void>;
  /** No commit will ever refer to them. */
  discard(): Promise<void>;
}

export interface StagingOptions {
  readonly inlineMaxBytes: number;
  /** 0: no limit. */
  readonly maxUploadBytes: number;
  readonly instanceId: string;
}

/**
 * Takes bodies in before anything is locked or visible: small ones into memory, to be committed with the metadata,
 * larger ones into a new blob under an opaque key. Hashes on the way; what does not meet its announced length or
 * digest, or is too large, leaves nothing behind.
 */
export class ContentStager {
  constructor(
    private readonly provider: StorageProvider,
    private readonly options: StagingOptions,
  ) {}

  /** `PAYLOAD_TOO_LARGE` before a byte is read, for an announced size. */
  refuseTooLarge(size: number | undefined): void {
    const { maxUploadBytes } = this.options;
    if (size !== undefined && maxUploadBytes > 0 && size > maxUploadBytes) throw tooLarge(maxUploadBytes);
  }

  async stage(body: UploadBody): Promise<StagedContent> {
    this.refuseTooLarge(body.size);
    const iterator = body.chunks[Symbol.asyncIterator]();
    let done = false;
    try {
      const { head, ended } = await this.readHead(iterator, body.size);
      if (ended) {
        done = true;
        return this.inline(head, body);
      }
      return await this.blob(head, iterator, body);
    } finally {
      if (!done) void iterator.return?.().catch(() => undefined);
    }
  }

  /**
   * A blob that is kept for another reason, as the content of a file too; nothing when it would be kept otherwise. It is
   * left alone when no commit comes of it.
   */
  adopt(replica: Replica, size: number, sha256: string): StagedContent | undefined {
    const place = this.place();
    const isHere = replica.backend === place.backend && replica.instanceId === (this.provider.isShared ? '' : place.instanceId);
    if (!isHere || size <= this.options.inlineMaxBytes) return undefined;
    const content = { ...place, size, sha256, data: null, replicas: [replica] };
    return { content, settle: nothing, discard: nothing };
  }

  /** Reads until the body ends or is larger than what is kept inline. */
  private async readHead(
    iterator: AsyncIterator<Uint8Array>,
    size: number | undefined,
  ): Promise<{ head: Buffer; ended: boolean }> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    if (size !== undefined && size > this.options.inlineMaxBytes) return { head: Buffer.alloc(0), ended: false };
    for (;;) {
      const next = await iterator.next();
      if (next.done) return { head: joined(chunks, length), ended: true };
      chunks.push(next.value);
      length += next.value.length;
      this.refuseTooLarge(length);
      if (length > this.options.inlineMaxBytes) return { head: joined(chunks, length), ended: false };
    }
  }

  private inline(data: Buffer, body: UploadBody): StagedContent {
    if (body.size !== undefined && body.size !== data.length) throw wrongLength(body.size, data.length);
    const sha256 = hash('sha256', data, 'hex');
    if (body.digests) {
      const check = new DigestCheck(body.digests);
      check.update(data);
      check.verify(sha256);
    }
    const content = { ...this.place(), size: data.length, sha256, data, replicas: [] };
    return { content, settle: nothing, discard: nothing };
  }

  private async blob(head: Buffer, rest: AsyncIterator<Uint8Array>, body: UploadBody): Promise<StagedContent> {
    const key = newStorageKey();
    const check = body.digests && new DigestCheck(body.digests);
    const meter = new BodyMeter(head, rest, check, (length) => this.refuseTooLarge(length));
    const options = { size: body.size, sha256: true, signal: body.signal };
    const { size, sha256 } = await this.provider.write(key, meter, options);
    try {
      if (sha256 === undefined) throw new TypeError('a backend tells the digest that it was asked for');
      check?.verify(sha256);
      const place = this.place();
      const replica = { backend: place.backend, instanceId: this.provider.isShared ? '' : place.instanceId, key };
      const content = { ...place, size, sha256, data: null, replicas: [replica] };
      return { content, settle: () => this.settle(key), discard: () => this.provider.delete(key) };
    } catch (error) {
      await this.provider.delete(key);
      throw error;
    }
  }

  private async settle(key: StorageKey): Promise<void> {
    await this.provider.settle?.(key);
  }

  private place(): { backend: string; instanceId: string } {
    return { backend: this.provider.name, instanceId: this.options.instanceId };
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Buffer {
  const [only] = chunks;
  if (chunks.length === 1 && only instanceof Buffer) return only;
  return Buffer.concat(chunks, length);
}

const nothing = () => Promise.resolve();

function wrongLength(announced: number, received: number): CallfsError {
  const message = `The body has ${received} bytes, but ${announced} were announced; nothing was written.`;
  return new CallfsError('CONTENT_LENGTH_MISMATCH', message);
}

function tooLarge(limit: number): CallfsError {
  const message = `The body is larger than the ${limit} bytes that this server accepts (server.max_upload_bytes).`;
  return new CallfsError('PAYLOAD_TOO_LARGE', message, { details: { max_upload_bytes: limit } });
}
