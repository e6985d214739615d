import { CallfsError } from '@callfs/core';
import { VirtualPath } from '@callfs/core';
import type { PublicUrl } from '../public-url';
import type { Placement } from './placement';

/** Adds to `FILE_ALREADY_EXISTS` where the existing thing is and how to go on; other errors pass as they are. */
export function withConflictDetails(error: unknown, placement: Placement, url: PublicUrl): unknown {
  if (!CallfsError.is(error, 'FILE_ALREADY_EXISTS')) return error;
  const {
    existing_path: path,
    instance_id: where = placement.local.instanceId,
    backend_type: backend = placement.local.backend,
  } = error.details;
  const elsewhere = where !== placement.local.instanceId;
  return new CallfsError(error.code, error.message, {
    cause: error,
    details: {
      ...error.details,
      instance_id: where,
      backend_type: backend,
      ...(elsewhere ? { error: 'Resource exists on another server' } : {}),
      suggestion: elsewhere ? 'File already exists on another server. Use PUT to update it.' : 'Use PUT to update it.',
      update_url: url.of(`/v1/files${VirtualPath.fromText(String(path)).toUrl()}`),
    },
  });
}
