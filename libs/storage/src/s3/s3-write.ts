import { setTimeout as delay } from 'node:timers/promises';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { CallfsError, type StorageKey } from '@callfs/core';
import { fileSizeOf } from '../blob-format';
import { BlockSums } from '../block-sums';
import { BodySource } from '../body-source';
import type { StoredObject, WriteOptions } from '../storage-provider';
import { s3Failure } from './s3-errors';
import type { S3Requests } from './s3-requests';
import { UploadPart, type PartPlaces } from './upload-part';

const MIB = 1024 * 1024;
/** Whole blocks, and more than the 5 MiB that S3 asks of all parts but the last. */
const PART_BYTES = 8 * MIB;
export const MAX_PART_BYTES = 64 * MIB;
const MAX_PARTS = 10_000;
/** A client that is to be told of a failure does not wait for longer until its traces are gone. */
const TIDYING_MS = 2_000;
/** Parts of one upload that are on their way at once. */
const PARTS_IN_FLIGHT = 4;

/**
 * Sends a body as one object: at once when it fits a part, else in parts that fill while earlier ones are on their way.
 * A part that is sent is memory, so that a failed request can be made again; what all uploads take of it is bounded, and no
 * client can keep the others from it (`UploadPart`).
 */
export class ObjectWriter {
  private readonly sums = new BlockSums();
  private readonly failure = new AbortController();
  private readonly signal: AbortSignal;
  private readonly parts: Promise<CompletedPart>[] = [];
  private readonly inFlight = new Set<Promise<unknown>>();
  private upload: string | undefined;
  private isInParts = false;
  private beganTwice = false;
  private part: UploadPart | undefined;
  private size = 0;

  constructor(
    private readonly requests: S3Requests,
    private readonly places: PartPlaces,
    private readonly key: StorageKey,
    private readonly object: string,
    private readonly options: WriteOptions,
  ) {
    this.signal = options.signal ? AbortSignal.any([options.signal, this.failure.signal]) : this.failure.signal;
  }

  async write(body: AsyncIterable<Uint8Array>): Promise<StoredObject> {
    try {
      await this.take(body);
      await this.finish();
      this.signal.throwIfAborted();
      return { key: this.key, size: this.size };
    } catch (error) {
      await this.discard(error);
      throw error;
    } finally {
      await this.part?.release();
    }
  }

  private async take(body: AsyncIterable<Uint8Array>): Promise<void> {
    const source = new BodySource(body, { size: this.options.size, signal: this.signal });
    await source.each((chunk) => this.append(chunk));
  }

  private async append(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length;) {
      if (this.part?.room === 0) await this.sendPart();
      this.part ??= await UploadPart.open(this.places, this.partLength(), this.signal);
      const piece = chunk.subarray(taken, taken + this.part.room);
      await this.part.append(piece);
      this.sums.add(piece);
      this.size += piece.length;
      taken += piece.length;
    }
  }

  private partLength(): number {
    const { size } = this.options;
    // Of a body of unknown length the parts grow: 10,000 of them are to be enough.
    const wanted = size === undefined ? PART_BYTES * 2 ** Math.floor(this.parts.length / 1000) : size / (MAX_PARTS - 1);
    const length = Math.min(MAX_PART_BYTES, Math.max(PART_BYTES, Math.ceil(wanted / PART_BYTES) * PART_BYTES));
    if (size === undefined || size - this.size > length) return length;
    // The last one, or all there is: with what belongs behind it.
    return Math.min(MAX_PART_BYTES, fileSizeOf(size) - this.size);
  }

  /** Starts to send what has come of the part. */
  private async sendPart(): Promise<void> {
    const { part } = this;
    if (!part) return;
    if (this.parts.length >= MAX_PARTS - 1) throw tooLarge(this.size);
    const content = await part.whole();
    this.upload ??= await this.begin();
    while (this.inFlight.size >= PARTS_IN_FLIGHT) await Promise.race(this.inFlight);
    this.signal.throwIfAborted();
    this.part = undefined;
    this.send(content, () => part.release());
  }

  /** Not cut short by the signal: an upload whose id never came could not be aborted. */
  private async begin(): Promise<string> {
    this.isInParts = true;
    const { upload, attempts } = await this.requests.createUpload(this.object).catch((error: unknown) => {
      throw s3Failure('begin an upload', error);
    });
    this.beganTwice = attempts > 1;
    return upload;
  }

  /** A part that fails ends the upload, also while the body is waited for. */
  private send(content: Buffer, release: () => Promise<void> = async () => undefined): void {
    const part = this.requests.putPart(this.object, this.upload ?? '', this.parts.length + 1, content, this.signal);
    const settled = part
      .catch((error: unknown) => this.failure.abort(s3Failure('take a part', error)))
      .finally(() => {
        this.inFlight.delete(settled);
        return release();
      });
    this.inFlight.add(settled);
    this.parts.push(part);
  }

  private async finish(): Promise<void> {
    const trailer = Buffer.allocUnsafe(this.sums.trailerLength);
    this.sums.writeTrailer(trailer, this.key);
    if (this.part && this.part.room < trailer.length) await this.sendPart();
    await this.part?.append(trailer);
    if (this.upload === undefined) return this.putWhole((await this.part?.whole()) ?? trailer);
    if (this.part) await this.sendPart();
    else this.send(trailer);
    await Promise.all(this.inFlight);
    this.signal.throwIfAborted();
    const parts = await Promise.all(this.parts);
    await this.requests.completeUpload(this.object, this.upload, parts).catch((error: unknown) => {
      throw s3Failure('complete an upload', error);
    });
    if (this.beganTwice) await ignoreFailure(this.abortUploads());
  }

  /** Not cut short by the signal: whether the server had it already would be unknown, and it might appear later. */
  private async putWhole(body: Buffer): Promise<void> {
    this.signal.throwIfAborted();
    await this.requests.put(this.object, body).catch((error: unknown) => {
      throw s3Failure('take an object', error);
    });
  }

  /** Leaves nothing: the parts on their way first, for one that arrives after the abort would stay. */
  private async discard(error: unknown): Promise<void> {
    await this.part?.release();
    this.failure.abort(error);
    // Goes on without us where the server takes its time, which is mostly why there is something to discard.
    await Promise.race([this.tidyUp(), delay(TIDYING_MS, undefined, { ref: false })]);
  }

  private async tidyUp(): Promise<void> {
    await Promise.all(this.inFlight);
    if (this.isInParts) await ignoreFailure(this.abortUploads());
    await ignoreFailure(this.requests.delete(this.object));
  }

  /** All of this key: one that the server began without our hearing of it as well. */
  private async abortUploads(): Promise<void> {
    for await (const { object, upload } of this.requests.uploads(this.object)) await this.requests.abortUpload(object, upload);
  }
}

/** What cannot be removed now is found later: an unfinished upload by its age, an object by the sweep over `list`. */
async function ignoreFailure(removal: Promise<void>): Promise<void> {
  await removal.catch(() => undefined);
}

function tooLarge(size: number): CallfsError {
  return new CallfsError(
    'PAYLOAD_TOO_LARGE',
    `The object storage takes no body of more than about ${size} bytes in ${MAX_PARTS} parts.`,
  );
}
