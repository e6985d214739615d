import type { ErrorCode, ErrorDetails } from '@callfs/core';

/** What the writer thread is started with. */
export interface WriterData {
  readonly path: string;
  readonly durability: 'full' | 'relaxed';
  readonly collectGraceMs: number;
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

/** The outcome of one transaction: its answers, and what the other thread's cache has to forget first. */
export interface WriteReply {
  readonly results: readonly WriteResult[];
  readonly inodes: readonly number[];
  readonly names: readonly (number | string)[];
}

/** The first message of the writer: it is ready, or why it cannot be. */
export type WriterReady =
  { readonly ready: true; readonly highestFence: number } | { readonly ready: false; readonly error: WireError };
