import { randomBytes } from 'node:crypto';
import { CallfsError, isStorageKey, type StorageKey } from '@callfs/core';
import { noSuchBlob } from '../blob-errors';
import { contentSizeOf } from '../blob-format';
import { BufferPool } from '../buffer-pool';
import { withDigest } from '../hashed-body';
import {
  StorageProvider,
  type BlobBody,
  type ListedObject,
  type ReadOptions,
  type StoredObject,
  type WriteOptions,
} from '../storage-provider';
import { ByteBudget } from './byte-budget';
import { isMissing, s3Failure, startFailure } from './s3-errors';
import { S3Marks } from './s3-marks';
import type { S3Options } from './s3-options';
import { ObjectBody, type S3ReadResources } from './s3-read';
import { S3Requests } from './s3-requests';
import { MAX_PART_BYTES, ObjectWriter } from './s3-write';
import { Spool } from './spool';
import type { PartPlaces } from './upload-part';

const PREFIX = 'blobs/';
const PAGE = 1000;
const UPLOAD_BUFFER_BYTES = 128 * 1024 * 1024;
/** An upload that began so long ago belongs to a process that died: it is far longer than any body takes. */
const STALE_UPLOAD_MS = 7 * 24 * 3600 * 1000;

/**
 * Blobs as objects of a bucket, in the format of `blob-format.ts`, so that whatever a server or a proxy returns is
 * verified block by block. Several nodes may share the bucket. S3 keeps no record of an intent: what a crash left between
 * a write and its commit is found by the sweep over `list`, an upload that was never completed by its age.
 */
export class S3Provider extends StorageProvider {
  readonly name = 's3';
  readonly isShared = true;
  override readonly marks: S3Marks;
  private readonly requests: S3Requests;
  private readonly places: PartPlaces;
  private readonly reading: S3ReadResources;

  constructor(private readonly options: S3Options) {
    super();
    this.requests = new S3Requests(options);
    this.marks = new S3Marks(this.requests);
    const { fileOpTimeoutMs: timeoutMs, uploadBufferBytes = UPLOAD_BUFFER_BYTES } = options;
    this.places = {
      memory: new ByteBudget(Math.max(MAX_PART_BYTES, uploadBufferBytes - MAX_PART_BYTES)),
      sending: new ByteBudget(MAX_PART_BYTES),
      spool: new Spool(options.spoolPath, timeoutMs, options.spoolEvents),
    };
    this.reading = { requests: this.requests, pool: new BufferPool(), timeoutMs };
  }

  /** Tries everything that the provider will do. The message is for the operator. */
  async start(): Promise<void> {
    this.places.spool.prepare();
    try {
      await this.requests.list(PREFIX, 1);
      await this.probe();
      await this.abortStaleUploads();
    } catch (error) {
      throw startFailure(this.options, error);
    }
  }

  async write(key: StorageKey, body: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<StoredObject> {
    options.signal?.throwIfAborted();
    await this.marks.beforeBlob();
    const writer = new ObjectWriter(this.requests, this.places, key, objectOf(key), options);
    return withDigest(body, options.sha256, (hashed) => writer.write(hashed));
  }

  async read(key: StorageKey, options: ReadOptions = {}): Promise<BlobBody> {
    return new ObjectBody(this.reading, key, objectOf(key), options).open();
  }

  async stat(key: StorageKey): Promise<StoredObject> {
    try {
      return { key, size: contentSizeOf(await this.requests.size(objectOf(key))) };
    } catch (error) {
      if (CallfsError.is(error)) throw error;
      throw isMissing(error) ? noSuchBlob(key, error) : s3Failure('describe an object', error);
    }
  }

  async delete(key: StorageKey): Promise<void> {
    const object = objectOf(key);
    await this.requests.delete(object).catch((error: unknown) => {
      if (!isMissing(error)) throw s3Failure('delete an object', error);
    });
  }

  async *list(): AsyncGenerator<ListedObject> {
    let token: string | undefined;
    do {
      const page = await this.requests.list(PREFIX, PAGE, token).catch((error: unknown) => {
        throw s3Failure('list its objects', error);
      });
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        const key = Key.slice(PREFIX.length);
        if (isStorageKey(key)) yield { key, size: contentSizeOf(Size), modifiedMs: LastModified?.getTime() ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async check(): Promise<void> {
    await this.probe().catch((error: unknown) => {
      throw s3Failure('take an object', error);
    });
  }

  async close(): Promise<void> {
    this.requests.close();
  }

  private async probe(): Promise<void> {
    const object = `probes/${randomBytes(16).toString('hex')}`;
    await this.requests.put(object, Buffer.from('callfs'));
    await this.requests.delete(object);
  }

  private async abortStaleUploads(): Promise<void> {
    const before = Date.now() - STALE_UPLOAD_MS;
    for await (const { object, upload, sinceMs } of this.requests.uploads(PREFIX))
      if (sinceMs < before) await this.requests.abortUpload(object, upload);
  }
}

function objectOf(key: StorageKey): string {
  if (isStorageKey(key)) return PREFIX + key;
  throw new CallfsError('INVALID_REQUEST', 'A storage key is 32 lower-case hexadecimal digits.');
}
