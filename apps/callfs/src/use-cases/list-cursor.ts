import { hash } from 'node:crypto';
import { CallfsError, VirtualPath, type InodeId } from '@callfs/core';
import { z } from 'zod';
import type { ListingOptions } from './listing.service';

/** Behind which entry a page begins: its names below the listed directory, and the value that it was sorted by. */
export interface Cursor {
  readonly names: readonly string[];
  readonly value?: bigint;
}

const schema = z.strictObject({
  /** The listing that it belongs to; another listing's cursor would skip or repeat entries. */
  l: z.string(),
  n: z.array(z.string().min(1).max(255)).min(1).max(2048),
  v: z
    .string()
    .regex(/^-?\d{1,19}$/)
    .optional(),
});

/** In front of the JSON: enough to tell a text that was changed. It guards no secret, for a cursor gives no right. */
const CHECKSUM_BYTES = 6;

/** An opaque text for `next_cursor` of a listing of `directory`. */
export function encodeCursor(cursor: Cursor, directory: InodeId, options: ListingOptions): string {
  const listing = listingOf(directory, options);
  const plain: z.infer<typeof schema> = { l: listing, n: [...cursor.names], v: cursor.value?.toString() };
  const json = Buffer.from(JSON.stringify(plain));
  return Buffer.concat([checksum(json), json]).toString('base64url');
}

/** `INVALID_REQUEST` for anything that `encodeCursor` did not make for a listing of this directory with these options. */
export function decodeCursor(text: string, directory: InodeId, options: ListingOptions): Cursor {
  try {
    const bytes = Buffer.from(text, 'base64url');
    const json = bytes.subarray(CHECKSUM_BYTES);
    const { l, n, v } = schema.parse(JSON.parse(json.toString()));
    const fits =
      checksum(json).equals(bytes.subarray(0, CHECKSUM_BYTES)) &&
      l === listingOf(directory, options) &&
      (options.recursive || n.length === 1) &&
      (v === undefined) === (options.sort === 'name');
    if (fits) return { names: n.map((name) => VirtualPath.name(name)), value: v === undefined ? undefined : BigInt(v) };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError || CallfsError.is(error, 'INVALID_PATH'))) throw error;
  }
  throw new CallfsError('INVALID_REQUEST', 'The cursor does not belong to this listing; start again without one.', {
    details: { parameter: 'cursor' },
  });
}

function listingOf(directory: InodeId, { sort, order, recursive }: ListingOptions): string {
  return `${directory}.${sort}.${order}.${recursive ? 'r' : 'f'}`;
}

function checksum(json: Buffer): Buffer {
  return hash('sha256', json, 'buffer').subarray(0, CHECKSUM_BYTES);
}
