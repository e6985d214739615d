import type { ErrorCode, ErrorDetails } from '@callfs/core';
import type { Graces } from '../graces';
import type { Change } from './changed';

/** What the writer thread is started with. */
export interface WriterData extends Required<Graces> {
  readonly path: string;
  readonly durability: 'full' | 'relaxed';
}

/** A change on its way to the writer: the method of `WriterOperations` and its arguments, all plain data. */
export interface WriteRequest {
  readonly id: number;
  readonly operation: string;
  readonly parameters: readonly unknown[];
}

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

export interface WriteResult {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: WireError;
}

/** The outcome of requests that came together: the answers, and what the other thread's cache has to learn first. */
export interface WriteReply {
  readonly results: readonly WriteResult[];
  readonly changes: readonly Change[];
  /** Transactions that it took. */
  readonly commits: number;
}

/** The first message of the writer: it is ready, or why it cannot be. */
export type WriterReady = { readonly ready: true } | { readonly ready: false; readonly error: WireError };
