import { CallfsError } from '@callfs/core';
import type { LinkPosition } from '../../use-cases/links/link-rows';

const FORM = /^(\d{1,16})\.([0-9a-f]{32})$/;

/** Where the next page of links begins, as clients hand it back. */
export function linkCursor({ createdMs, id }: LinkPosition): string {
  return Buffer.from(`${createdMs}.${id}`).toString('base64url');
}

/** `INVALID_REQUEST` for what no page ended with. */
export function readLinkCursor(text: string): LinkPosition {
  const [, createdMs, id] = FORM.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (createdMs === undefined || id === undefined) {
    throw new CallfsError('INVALID_REQUEST', 'The "cursor" is not one that a page of links ended with.');
  }
  return { createdMs: Number(createdMs), id };
}
