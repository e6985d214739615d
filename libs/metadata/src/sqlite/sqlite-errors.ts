import Database from 'better-sqlite3';
import { CallfsError } from '@callfs/core';
import type { WireError } from './writer-messages';

/** What a failure of SQLite means for the caller. Anything that is not SQLite's passes as it is. */
export function metadataError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (error.code === 'SQLITE_FULL') {
    return new CallfsError('INSUFFICIENT_STORAGE', 'The disk of the metadata is full; nothing has changed. Free some space.', {
      cause: error,
    });
  }
  return new CallfsError('METADATA_UNAVAILABLE', 'The metadata store failed; try again.', { cause: error });
}

/** An error as plain data; a bug keeps its words for the log behind `METADATA_UNAVAILABLE`. */
export function toWire(error: unknown): WireError {
  const known = metadataError(error);
  if (known instanceof CallfsError) {
    const cause = known.cause instanceof Error ? `: ${known.cause.message}` : '';
    return {
      code: known.code,
      message: known.message + (known.code === 'METADATA_UNAVAILABLE' ? cause : ''),
      details: known.details,
    };
  }
  return { code: 'METADATA_UNAVAILABLE', message: `The metadata writer failed: ${String(error)}` };
}

export function fromWire({ code, message, details }: WireError): CallfsError {
  return new CallfsError(code, message, { details });
}
