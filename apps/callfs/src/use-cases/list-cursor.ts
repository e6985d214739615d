import { CallfsError, VirtualPath } from '@callfs/core';
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

/** An opaque text for `next_cursor`. */
export function encodeCursor(cursor: Cursor, options: ListingOptions): string {
  const plain: z.infer<typeof schema> = { l: listingOf(options), n: [...cursor.names], v: cursor.value?.toString() };
  return Buffer.from(JSON.stringify(plain)).toString('base64url');
}

/** `INVALID_REQUEST` for anything that `encodeCursor` did not make for a listing with these options. */
export function decodeCursor(text: string, options: ListingOptions): Cursor {
  try {
    const { l, n, v } = schema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    const fits =
      l === listingOf(options) && (options.recursive || n.length === 1) && (v === undefined) === (options.sort === 'name');
    if (fits) return { names: n.map((name) => VirtualPath.name(name)), value: v === undefined ? undefined : BigInt(v) };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError || CallfsError.is(error, 'INVALID_PATH'))) throw error;
  }
  throw new CallfsError('INVALID_REQUEST', 'The cursor does not belong to this listing; start again without one.', {
    details: { parameter: 'cursor' },
  });
}

function listingOf({ sort, order, recursive }: ListingOptions): string {
  return `${sort}.${order}.${recursive ? 'r' : 'f'}`;
}
