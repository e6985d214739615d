import { CallfsError } from '@callfs/core';
import { storable } from '../metadata-tables';

/*
 * A dump is lines of JSON. First a header; then for each table a line that names it and its columns, and a line for each
 * row, an array in the order of the columns; last a line that says how many rows there were and what the SHA-256 of all lines
 * before it is, so that one that was cut off or damaged is known. Numbers that JSON would round are text, bytes are base64.
 */

export const DUMP_FORMAT = 'callfs-metadata';
export const DUMP_VERSION = 1;

export interface DumpHeader {
  readonly format: typeof DUMP_FORMAT;
  readonly version: typeof DUMP_VERSION;
  /** The migrations that made the tables. */
  readonly schema: readonly string[];
  readonly counters: Counters;
}

/** The highest numbers that were given, also to what is gone: none is given twice. */
export interface Counters {
  readonly inode: number;
  readonly content: number;
  readonly fence: number;
}

export interface TableLine {
  readonly table: string;
  readonly columns: readonly string[];
}

export interface EndLine {
  readonly rows: number;
  /** Of all lines before, each with its end. Dumps of earlier versions have none. */
  readonly sha256?: string;
}

export type DumpValue = string | number | null;
export type DumpLine = DumpHeader | TableLine | readonly DumpValue[] | EndLine;

export type ColumnKind = 'text' | 'integer' | 'bytes';

/** A value as the statements of a dump select it: integers as text, since drivers round them. */
export function encode(kind: ColumnKind, value: string | Buffer | null): DumpValue {
  if (value === null) return null;
  if (kind === 'bytes') return Buffer.from(value as Buffer).toString('base64');
  const number = Number(value);
  return kind === 'integer' && Number.isSafeInteger(number) ? number : String(value);
}

/** A value as both engines take it for a column of this kind. `INVALID_REQUEST` for one that no dump has. */
export function decode(kind: ColumnKind, value: unknown): string | Buffer | null {
  if (value === null) return null;
  // A NUL may stand in what an earlier version wrote into SQLite.
  if (kind === 'text' && typeof value === 'string') return storable(value) as string;
  if (kind === 'bytes' && typeof value === 'string') return Buffer.from(value, 'base64');
  if (kind === 'integer' && (typeof value === 'number' || typeof value === 'string') && /^-?\d{1,19}$/.test(String(value)))
    return String(value);
  throw badDump(`it has ${JSON.stringify(value)?.slice(0, 60)} where ${kind} belongs`);
}

export function badDump(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `The dump cannot be loaded: ${reason}. Nothing has changed.`);
}
