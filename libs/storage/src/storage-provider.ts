import type { ByteRange, StorageKey } from '@callfs/core';
import type { PlaceMarks } from './place-marks';

export interface StoredObject {
  readonly key: StorageKey;
  /** Bytes of content, whatever else the backend keeps beside them. */
  readonly size: number;
  /** The content's digest in hexadecimal, of a `write` that was asked for it. */
  readonly sha256?: string;
}

/** What a sweep sees of an object. */
export interface ListedObject extends StoredObject {
  /** When it was written, by the backend's clock: a sweep spares what is younger than any write in flight. */
  readonly modifiedMs: number;
  /** Where the backend knows it: the write is not settled yet, so a commit may be about to refer to it. */
  readonly isUnsettled?: boolean;
}

/**
 * Bytes on their way out. A chunk's memory may be used again once the next chunk is asked for: a consumer that keeps
 * one longer copies it. Leaving the loop early (`break`, a throw) releases everything.
 */
export type BlobBody = AsyncIterable<Buffer>;

/** For whom a request is made, as the logs of every node on its way tell. */
export interface ActingUser {
  readonly user: string;
  readonly requestId: string;
}

/** What a whole content is known to be. */
export interface ExpectedContent {
  readonly size: number;
  readonly sha256: string;
}

export interface WriteOptions {
  /** What the body must come to, in bytes, when that is known. */
  readonly size?: number;
  /** Whether the SHA-256 of the body is wanted. */
  readonly sha256?: boolean;
  readonly signal?: AbortSignal;
  readonly actingFor?: ActingUser;
}

export interface ReadOptions {
  readonly range?: ByteRange;
  /** Compared with what comes, by a backend that cannot vouch for its bytes itself. */
  readonly expected?: ExpectedContent;
  readonly signal?: AbortSignal;
  readonly actingFor?: ActingUser;
}

/** Bytes of the medium below a backend. */
export interface Capacity {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * Keeps immutable bytes under opaque keys. Safe for concurrent use. Native failures become `CallfsError` with their
 * cause: `INSUFFICIENT_STORAGE` (ENOSPC, EDQUOT), otherwise `BACKEND_UNAVAILABLE`. A key is written once, ever.
 */
export abstract class StorageProvider {
  /** `localfs`, `s3`, …: the `backend_type` of the API. */
  abstract readonly name: string;

  /** Whether all nodes reach the same objects under the same keys, so that a blob belongs to none of them. */
  abstract readonly isShared: boolean;

  /** Which metadata stores have their blobs here. Absent where another node answers for them. */
  readonly marks?: PlaceMarks;

  /**
   * All or nothing: on failure or abort nothing remains and the error is the body's, the signal's reason or the
   * backend's. `CONTENT_LENGTH_MISMATCH` when `size` is not met exactly. Durable when it resolves. The body's chunks
   * are the caller's again once the next one is asked for.
   */
  abstract write(key: StorageKey, body: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<StoredObject>;

  /**
   * `FILE_NOT_FOUND` before any byte flows. Bytes that are not those written (a flipped bit, a short file) are never
   * handed on: the iteration throws `BACKEND_UNAVAILABLE` instead. The range lies inside the object.
   */
  abstract read(key: StorageKey, options?: ReadOptions): Promise<BlobBody>;

  /**
   * The same bytes, when they are in memory: in one turn, without waiting for anything. `size` is the object's. The memory
   * stays the provider's, for good, so nobody writes to it. `undefined` otherwise, and when anything is wrong: `read` tells.
   */
  readNow?(key: StorageKey, size: number, range?: ByteRange): readonly Buffer[] | undefined;

  /** `FILE_NOT_FOUND`. */
  abstract stat(key: StorageKey): Promise<StoredObject>;

  /** Resolves when it is gone, also when it was already. */
  abstract delete(key: StorageKey): Promise<void>;

  /** Everything that is complete, in no order. */
  abstract list(): AsyncIterable<ListedObject>;

  /** Makes sure that the backend can be written to now; throws as `write` would. */
  abstract check(): Promise<void>;

  /** The commit that refers to `key` is durable (or will never come, after `delete`): it needs no watching any more. */
  settle?(key: StorageKey): Promise<void>;

  /** What was written but not settled before this process started: after a crash, each is to be settled or deleted. */
  unsettled?(): AsyncIterable<StorageKey>;

  capacity?(): Promise<Capacity>;

  abstract close(): Promise<void>;
}
