import { CallfsError } from '@callfs/core';
import type { GoneReason } from './link';

const BECAUSE: Readonly<Record<GoneReason, string>> = {
  used_up: 'it has been used as often as it may be',
  expired: 'it has expired',
  revoked: 'it was revoked',
  file_changed: 'its file is not there any more as it was',
};

export function linkGone(reason: GoneReason, cause?: unknown): CallfsError {
  const message = `This link does not work any more: ${BECAUSE[reason]}. Ask for a new one.`;
  return new CallfsError('LINK_GONE', message, { cause, details: { reason } });
}

export function noSuchLink(): CallfsError {
  return new CallfsError('LINK_NOT_FOUND', 'There is no such link. Check that it was copied whole.');
}
