import type { EpochNs, Replica } from '@callfs/core';
import type { WriteCondition } from '../write-condition';

/** On which terms an upload becomes a file; judged again when it does. */
export interface UploadTerms {
  readonly overwrite: boolean;
  readonly condition?: WriteCondition;
  readonly mtimeNs?: EpochNs;
  readonly contentType: string | null;
}

/** An upload that comes in parts. */
export interface UploadRecord {
  readonly id: string;
  readonly uid: number;
  readonly user: string;
  /** `partial`: becomes a part of a `final` one, and no file of its own. */
  readonly kind: 'plain' | 'partial' | 'final';
  /** `done`: it is a file; `used`: it is part of one; `expired`: its bytes were given up. */
  readonly state: 'open' | 'done' | 'used' | 'expired';
  /** The file that it becomes; null for a partial one. */
  readonly path: string | null;
  /** What the client said of it, as it said it. */
  readonly metadata: string;
  readonly terms: UploadTerms;
  /** Of a final one: the uploads it is made of, in order. */
  readonly sources: readonly string[];
  readonly size: number;
  /** How many of its bytes are durable. */
  readonly received: number;
  /** Counts those who went to work on it; only the last may change it. */
  readonly attempt: number;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** When this was read, by the same clock. */
  readonly nowMs: number;
}

/** Bytes of an upload, durable in a blob. */
export interface UploadPart {
  /** Where in the upload they begin. */
  readonly position: number;
  readonly size: number;
  /** Of a part that may be the whole upload, in hexadecimal. */
  readonly sha256: string | null;
  readonly replica: Replica;
}

/** Whether all of its bytes are there. */
export function isComplete({ received, size }: UploadRecord): boolean {
  return received === size;
}
