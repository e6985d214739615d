import { CallfsError } from '@callfs/core';
import type { Identity } from './identity';

/** For a request whose key was good when it began, and is not when it is about to change something. */
export function keyEnded({ keyId }: Identity): CallfsError {
  const message = `The API key ${keyId} was revoked or has expired while this was under way. Nothing was changed.`;
  return new CallfsError('AUTHENTICATION_FAILED', message);
}
